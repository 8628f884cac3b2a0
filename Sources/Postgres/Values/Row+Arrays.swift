extension Row {
  /// A `uuid[]` without nulls; the first byte of each is the number's most significant.
  public func uuids(_ column: Column) throws(PostgresError) -> [UInt128] {
    let values = try unsafe optional(column, as: "a uuid[]") { type, bytes in
      type == TypeOID.uuidArray
        ? unsafe Row.elements(of: bytes) { unsafe UInt128(bigEndian: $0) } : nil
    }
    return try required(column, values)
  }

  /// A `text[]` without nulls.
  public func texts(_ column: Column) throws(PostgresError) -> [String] {
    let values = try unsafe optional(column, as: "a text[]") { type, bytes in
      type == TypeOID.textArray
        ? unsafe Row.elements(of: bytes) { unsafe String(validating: $0, as: UTF8.self) } : nil
    }
    return try required(column, values)
  }

  /// The elements of an array of one dimension on the wire (`array_send` in the server): a head as in
  /// `Parameter.appendHeader`, then length and bytes of each. Nil for anything else, and for a null
  /// among the elements.
  private static func elements<Element>(
    of array: UnsafeRawBufferPointer,
    _ decode: (UnsafeRawBufferPointer) -> Element?
  ) -> [Element]? {
    var rest = unsafe array[...]
    func take(_ count: Int) -> UnsafeRawBufferPointer? {
      guard count >= 0, unsafe rest.count >= count else { return nil }
      defer { unsafe rest = rest.dropFirst(count) }
      return unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(count))
    }
    func number() -> Int? { unsafe take(4).flatMap { unsafe Int32(bigEndian: $0) }.map { Int($0) } }
    guard let dimensions = number(), unsafe take(8) != nil else { return nil }
    if dimensions == 0 { return [] }
    guard dimensions == 1, let count = number(), unsafe take(4) != nil else { return nil }
    var elements: [Element] = []
    elements.reserveCapacity(count)
    for _ in 0..<count {
      guard let length = number(), let bytes = unsafe take(length),
        let element = unsafe decode(bytes)
      else { return nil }
      elements.append(element)
    }
    return elements
  }
}
