extension Row {
  /// A `smallint`.
  public func int16(_ column: Column) throws(PostgresError) -> Int16 {
    try required(column, optionalInt16(column))
  }

  /// As `int16`, or nil for null.
  public func optionalInt16(_ column: Column) throws(PostgresError) -> Int16? {
    try unsafe optional(column, as: "a smallint") { type, bytes in
      type == TypeOID.int2 ? unsafe Int16(bigEndian: bytes) : nil
    }
  }

  /// An `integer`.
  public func int32(_ column: Column) throws(PostgresError) -> Int32 {
    try required(column, optionalInt32(column))
  }

  /// As `int32`, or nil for null.
  public func optionalInt32(_ column: Column) throws(PostgresError) -> Int32? {
    try unsafe optional(column, as: "an integer") { type, bytes in
      type == TypeOID.int4 ? unsafe Int32(bigEndian: bytes) : nil
    }
  }

  /// A `bigint`.
  public func int64(_ column: Column) throws(PostgresError) -> Int64 {
    try required(column, optionalInt64(column))
  }

  /// As `int64`, or nil for null.
  public func optionalInt64(_ column: Column) throws(PostgresError) -> Int64? {
    try unsafe optional(column, as: "a bigint") { type, bytes in
      type == TypeOID.int8 ? unsafe Int64(bigEndian: bytes) : nil
    }
  }

  /// A `smallint`, `integer`, `bigint` or `oid`.
  public func integer(_ column: Column) throws(PostgresError) -> Int {
    try required(column, optionalInteger(column))
  }

  /// As `integer`, or nil for null.
  public func optionalInteger(_ column: Column) throws(PostgresError) -> Int? {
    try unsafe optional(column, as: "a whole number") { type, bytes in
      switch type {
      case TypeOID.int2: unsafe Int16(bigEndian: bytes).map { Int($0) }
      case TypeOID.int4: unsafe Int32(bigEndian: bytes).map { Int($0) }
      case TypeOID.int8: unsafe Int64(bigEndian: bytes).map { Int($0) }
      case TypeOID.oid: unsafe UInt32(bigEndian: bytes).map { Int($0) }
      default: nil
      }
    }
  }

  /// A `boolean`.
  public func bool(_ column: Column) throws(PostgresError) -> Bool {
    try required(column, optionalBool(column))
  }

  /// As `bool`, or nil for null.
  public func optionalBool(_ column: Column) throws(PostgresError) -> Bool? {
    try unsafe optional(column, as: "a boolean") { type, bytes in
      type == TypeOID.bool ? unsafe UInt8(bigEndian: bytes).map { $0 != 0 } : nil
    }
  }

  /// A `double precision` or `real`.
  public func double(_ column: Column) throws(PostgresError) -> Double {
    try required(column, optionalDouble(column))
  }

  /// As `double`, or nil for null.
  public func optionalDouble(_ column: Column) throws(PostgresError) -> Double? {
    try unsafe optional(column, as: "a floating-point number") { type, bytes in
      switch type {
      case TypeOID.float8: unsafe UInt64(bigEndian: bytes).map { Double(bitPattern: $0) }
      case TypeOID.float4: unsafe UInt32(bigEndian: bytes).map { Double(Float(bitPattern: $0)) }
      default: nil
      }
    }
  }

  /// A `uuid`; its first byte is the number's most significant.
  public func uuid(_ column: Column) throws(PostgresError) -> UInt128 {
    try required(column, optionalUuid(column))
  }

  /// As `uuid`, or nil for null.
  public func optionalUuid(_ column: Column) throws(PostgresError) -> UInt128? {
    try unsafe optional(column, as: "a uuid") { type, bytes in
      type == TypeOID.uuid ? unsafe UInt128(bigEndian: bytes) : nil
    }
  }

  /// A `timestamptz` in microseconds since the Unix epoch. The server's `-infinity` and `infinity` are
  /// `Int64.min` and `.max`.
  public func timestamptz(_ column: Column) throws(PostgresError) -> Int64 {
    try required(column, optionalTimestamptz(column))
  }

  /// As `timestamptz`, or nil for null.
  public func optionalTimestamptz(_ column: Column) throws(PostgresError) -> Int64? {
    try unsafe optional(column, as: "a timestamptz") { type, bytes in
      type == TypeOID.timestamptz ? unsafe Int64(bigEndian: bytes).map(Row.unixTimestamp) : nil
    }
  }

  /// A `bytea`.
  public func bytea(_ column: Column) throws(PostgresError) -> [UInt8] {
    try required(column, optionalBytea(column))
  }

  /// As `bytea`, or nil for null.
  public func optionalBytea(_ column: Column) throws(PostgresError) -> [UInt8]? {
    try unsafe optional(column, as: "a bytea") { type, bytes in
      type == TypeOID.bytea ? unsafe Array(bytes) : nil
    }
  }

  /// Text of any kind: `text`, `varchar`, `char(n)`, `name`, an enumeration, or a type of an extension
  /// that is text on the wire.
  public func text(_ column: Column) throws(PostgresError) -> String {
    try required(column, optionalText(column))
  }

  /// As `text`, or nil for null.
  public func optionalText(_ column: Column) throws(PostgresError) -> String? {
    try unsafe optional(column, as: "text") { type, bytes in
      Row.textTypes.contains(type) || type >= TypeOID.firstUserDefined
        ? unsafe String(validating: bytes, as: UTF8.self) : nil
    }
  }

  /// The text of a `jsonb` or `json`.
  public func json(_ column: Column) throws(PostgresError) -> String {
    try required(column, optionalJson(column))
  }

  /// As `json`, or nil for null.
  public func optionalJson(_ column: Column) throws(PostgresError) -> String? {
    try unsafe optional(column, as: "JSON") { type, bytes in
      switch type {
      case TypeOID.json: unsafe String(validating: bytes, as: UTF8.self)
      case TypeOID.jsonb where unsafe bytes.first == Parameter.jsonbVersion:
        unsafe String(validating: bytes.dropFirst(), as: UTF8.self)
      default: nil
      }
    }
  }

  private static let textTypes: Set<UInt32> = [
    TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.unknown,
  ]

  private static func unixTimestamp(_ server: Int64) -> Int64 {
    if server == .min || server == .max { return server }
    // Finite values end in the year 294276, far from where this could overflow.
    return server &+ TypeOID.epochDistanceInMicroseconds
  }
}
