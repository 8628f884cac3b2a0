extension Parameter {
  /// A `bigint[]`.
  public static func int8s(_ values: [Int64?]) -> Parameter {
    numbers(values, array: TypeOID.int8Array, element: TypeOID.int8)
  }

  /// An `integer[]`.
  public static func int4s(_ values: [Int32?]) -> Parameter {
    numbers(values, array: TypeOID.int4Array, element: TypeOID.int4)
  }

  /// A `uuid[]`, the first byte of each the number's most significant.
  public static func uuids(_ values: [UInt128?]) -> Parameter {
    numbers(values, array: TypeOID.uuidArray, element: TypeOID.uuid)
  }

  /// A `text[]`.
  public static func texts(_ values: [String?]) -> Parameter {
    var size = headerSize
    for value in values { size += 4 + (value?.utf8.count ?? 0) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(size)
    appendHeader(to: &bytes, element: TypeOID.text, count: values.count)
    for value in values {
      if let utf8 = value?.utf8 {
        bytes.append(bigEndian: Int32(utf8.count))
        bytes.append(contentsOf: utf8)
      } else {
        bytes.append(bigEndian: nullLength)
      }
    }
    return Parameter(type: TypeOID.textArray, bytes: bytes)
  }

  private static func numbers<Number: FixedWidthInteger & Sendable>(
    _ values: [Number?],
    array: UInt32,
    element: UInt32
  ) -> Parameter {
    let size = MemoryLayout<Number>.size
    var bytes: [UInt8] = []
    bytes.reserveCapacity(headerSize + values.count * (4 + size))
    appendHeader(to: &bytes, element: element, count: values.count)
    for value in values {
      if let value {
        bytes.append(bigEndian: Int32(size))
        bytes.append(bigEndian: value)
      } else {
        bytes.append(bigEndian: nullLength)
      }
    }
    return Parameter(type: array, bytes: bytes)
  }

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

  private static let headerSize = 20
  private static let nullLength: Int32 = -1

  /// The head of an array on the wire (`array_recv` in the server): dimensions, whether nulls may
  /// follow (the server only checks that it is 0 or 1), element type, and size and first index of
  /// the dimension. An empty array has no dimension.
  private static func appendHeader(to bytes: inout [UInt8], element: UInt32, count: Int) {
    bytes.append(bigEndian: Int32(count == 0 ? 0 : 1))
    bytes.append(bigEndian: Int32(1))
    bytes.append(bigEndian: element)
    guard count > 0 else { return }
    bytes.append(bigEndian: Int32(count))
    bytes.append(bigEndian: Int32(1))
  }
}
