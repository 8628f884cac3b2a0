/// Parameters laid out as libpq wants them, valid for the time of one call.
@safe
struct ParameterList {
  let count: Int32
  let types: UnsafePointer<UInt32>?
  let values: UnsafePointer<UnsafePointer<CChar>?>?
  let lengths: UnsafePointer<Int32>?
  let formats: UnsafePointer<Int32>?

  /// All values are copied into one buffer: one copy is cheaper than a nested closure for each.
  static func with<Value>(_ parameters: [Parameter], _ body: (ParameterList) -> Value) -> Value {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(parameters.reduce(0) { $0 + ($1.bytes?.count ?? 0) } + 1)
    var starts: [Int?] = []
    for parameter in parameters {
      starts.append(parameter.bytes == nil ? nil : bytes.count)
      if let value = parameter.bytes { bytes.append(contentsOf: value) }
    }
    // An empty value needs an address too: to libpq no address means null.
    bytes.append(0)
    let types = parameters.map(\.type)
    let lengths = parameters.map { Int32($0.bytes?.count ?? 0) }
    let formats = [Int32](repeating: 1, count: parameters.count)

    return unsafe bytes.withUnsafeBytes { buffer in
      var pointers: [UnsafePointer<CChar>?] = unsafe []
      for start in starts {
        unsafe pointers.append(
          start.flatMap { start in
            unsafe buffer.baseAddress.map {
              unsafe ($0 + start).assumingMemoryBound(to: CChar.self)
            }
          }
        )
      }
      return unsafe pointers.withUnsafeBufferPointer { pointers in
        unsafe types.withUnsafeBufferPointer { types in
          unsafe lengths.withUnsafeBufferPointer { lengths in
            unsafe formats.withUnsafeBufferPointer { formats in
              body(
                unsafe ParameterList(
                  count: Int32(parameters.count),
                  types: types.baseAddress,
                  values: pointers.baseAddress,
                  lengths: lengths.baseAddress,
                  formats: formats.baseAddress
                )
              )
            }
          }
        }
      }
    }
  }
}

/// Lends two lists of strings as libpq wants them: arrays of C strings, each ended by a null.
enum CStringList {
  typealias Pointers = UnsafePointer<UnsafePointer<CChar>?>

  static func with<Value>(
    _ first: [String],
    _ second: [String],
    _ body: (Pointers, Pointers) -> Value
  ) -> Value {
    unsafe with(first) { first in
      unsafe with(second) { second in unsafe body(first, second) }
    }
  }

  private static func with<Value>(_ strings: [String], _ body: (Pointers) -> Value) -> Value {
    var text: [CChar] = []
    var starts: [Int] = []
    for string in strings {
      starts.append(text.count)
      text.append(contentsOf: string.utf8.lazy.map { CChar(bitPattern: $0) })
      text.append(0)
    }
    return unsafe text.withUnsafeBufferPointer { text in
      var pointers: [UnsafePointer<CChar>?] = unsafe []
      for start in starts {
        unsafe pointers.append(text.baseAddress.map { unsafe $0 + start })
      }
      unsafe pointers.append(nil)
      return unsafe pointers.withUnsafeBufferPointer { list in
        // The list holds at least its final null, so that it has an address.
        guard let start = list.baseAddress else { preconditionFailure("an empty list") }
        return unsafe body(start)
      }
    }
  }
}
