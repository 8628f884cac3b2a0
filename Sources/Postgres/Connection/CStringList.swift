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
