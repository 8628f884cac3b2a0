extension Parameter {
  /// A value of a composite type, from its fields in the order of the type's attributes; nil is a null
  /// composite.
  ///
  /// The server finds out the type from the statement, as it does for a function's argument. It checks
  /// the types of fields: a field of a built-in type is made by that type's factory, nulls included
  /// (`.text(nil)`, never `.null`); a field of an enumeration or a domain may be made by the factory of
  /// the type that it has on the wire.
  public static func composite(_ fields: [Parameter]?) -> Parameter {
    guard let fields else { return .null }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(recordSize(fields))
    appendRecord(fields, to: &bytes)
    return Parameter(type: 0, bytes: bytes)
  }

  /// An array of composites, each from its fields as in `composite`; none make an empty array.
  public static func composites(_ rows: [[Parameter]]) -> Parameter {
    var size = headerSize
    for row in rows { size += 4 + recordSize(row) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    appendHeader(to: &bytes, element: 0, count: rows.count)
    for row in rows {
      bytes.append(bigEndian: Int32(recordSize(row)))
      appendRecord(row, to: &bytes)
    }
    return Parameter(type: 0, bytes: bytes)
  }

  private static func recordSize(_ fields: [Parameter]) -> Int {
    var size = 4
    for field in fields { size += 8 + (field.bytes?.count ?? 0) }
    return size
  }

  /// A record on the wire (`record_recv` in the server): the number of fields, then type, length and
  /// bytes of each.
  ///
  /// PostgreSQL 15 and later compare a field's type with the attribute's only if both are built in, so
  /// that 0 will do for every other one.
  private static func appendRecord(_ fields: [Parameter], to bytes: inout [UInt8]) {
    bytes.append(bigEndian: Int32(fields.count))
    for field in fields {
      bytes.append(bigEndian: field.type)
      if let value = field.bytes {
        bytes.append(bigEndian: Int32(value.count))
        bytes.append(contentsOf: value)
      } else {
        bytes.append(bigEndian: nullLength)
      }
    }
  }
}
