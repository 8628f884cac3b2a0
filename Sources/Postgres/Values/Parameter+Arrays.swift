extension Parameter {
  /// A `bigint[]`.
  public static func int8s(_ values: [Int64?]) -> Parameter {
    fixedWidth(values, array: TypeOID.int8Array, element: TypeOID.int8) { $0 }
  }

  /// An `integer[]`.
  public static func int4s(_ values: [Int32?]) -> Parameter {
    fixedWidth(values, array: TypeOID.int4Array, element: TypeOID.int4) { $0 }
  }

  /// A `boolean[]`.
  public static func bools(_ values: [Bool?]) -> Parameter {
    fixedWidth(values, array: TypeOID.boolArray, element: TypeOID.bool) { $0 ? 1 : 0 as UInt8 }
  }

  /// A `uuid[]`, the first byte of each the number's most significant.
  public static func uuids(_ values: [UInt128?]) -> Parameter {
    fixedWidth(values, array: TypeOID.uuidArray, element: TypeOID.uuid) { $0 }
  }

  /// A `timestamptz[]`; see `timestamptz(microsecondsSinceUnixEpoch:)`.
  public static func timestamptzs(microsecondsSinceUnixEpoch values: [Int64?]) -> Parameter {
    fixedWidth(values, array: TypeOID.timestamptzArray, element: TypeOID.timestamptz) {
      serverTimestamp($0)
    }
  }

  /// A `text[]`.
  public static func texts(_ values: [String?]) -> Parameter {
    variableWidth(
      values.lazy.map { $0?.utf8 },
      array: TypeOID.textArray,
      element: TypeOID.text
    )
  }

  /// A `text[]` from text that is UTF-8 already, for instance slices of an answer's body.
  public static func texts<Bytes: Collection<UInt8>>(utf8 values: [Bytes?]) -> Parameter {
    variableWidth(values, array: TypeOID.textArray, element: TypeOID.text)
  }

  /// A `bytea[]`.
  ///
  /// Of arrays only, and not of any bytes: generic code is not specialized for another module, and
  /// 500 codes a call come this way.
  public static func byteas(_ values: [[UInt8]?]) -> Parameter {
    variableWidth(values, array: TypeOID.byteaArray, element: TypeOID.bytea)
  }

  /// A `jsonb[]` from JSON texts in UTF-8; a nil is SQL's null, not JSON's.
  public static func jsonbs(utf8 values: [[UInt8]?]) -> Parameter {
    variableWidth(
      values,
      array: TypeOID.jsonbArray,
      element: TypeOID.jsonb,
      prefix: jsonbVersion
    )
  }

  private static func fixedWidth<Value, Wire: FixedWidthInteger & Sendable>(
    _ values: [Value?],
    array: UInt32,
    element: UInt32,
    _ encode: (Value) -> Wire
  ) -> Parameter {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(headerSize + values.count * (4 + MemoryLayout<Wire>.size))
    appendHeader(to: &bytes, element: element, count: values.count)
    for value in values {
      if let value {
        bytes.append(bigEndian: Int32(MemoryLayout<Wire>.size))
        bytes.append(bigEndian: encode(value))
      } else {
        bytes.append(bigEndian: nullLength)
      }
    }
    return Parameter(type: array, bytes: bytes)
  }

  private static func variableWidth<Bytes: Collection<UInt8>>(
    _ values: some Collection<Bytes?>,
    array: UInt32,
    element: UInt32,
    prefix: UInt8? = nil
  ) -> Parameter {
    let prefixSize = prefix == nil ? 0 : 1
    let size = values.reduce(0) { $0 + 4 + ($1.map { $0.count + prefixSize } ?? 0) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(headerSize + size)
    appendHeader(to: &bytes, element: element, count: values.count)
    for value in values {
      if let value {
        bytes.append(bigEndian: Int32(value.count + prefixSize))
        if let prefix { bytes.append(prefix) }
        bytes.append(contentsOf: value)
      } else {
        bytes.append(bigEndian: nullLength)
      }
    }
    return Parameter(type: array, bytes: bytes)
  }

  static let headerSize = 20
  static let nullLength: Int32 = -1

  /// The head of an array on the wire (`array_recv` in the server): dimensions, whether nulls may
  /// follow (the server only checks that it is 0 or 1), element type, and size and first index of
  /// the dimension. An empty array has no dimension.
  static func appendHeader(to bytes: inout [UInt8], element: UInt32, count: Int) {
    bytes.append(bigEndian: Int32(count == 0 ? 0 : 1))
    bytes.append(bigEndian: Int32(1))
    bytes.append(bigEndian: element)
    guard count > 0 else { return }
    bytes.append(bigEndian: Int32(count))
    bytes.append(bigEndian: Int32(1))
  }
}

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
