/// One row of a result.
///
/// Each type has two getters: one for a value that must be there, one with `optional` in its name
/// for a value that may be null. They throw `unexpectedResult`, naming the column but never showing
/// its value, if there is no such column, if it is of another type, or null where it must not be.
public struct Row: Sendable {
  let storage: ResultStorage
  let columns: [Rows.ColumnDescription]
  let index: Int

  func find(_ column: Column) throws(PostgresError) -> (place: Int, type: UInt32) {
    let place =
      switch column {
      case .name(let name): columns.firstIndex { $0.name == name }
      case .index(let index): columns.indices.contains(index) ? index : nil
      }
    guard let place else {
      throw PostgresError(.unexpectedResult, "there is no column \(column.label)")
    }
    return (place, columns[place].type)
  }

  /// Decodes a value by the column's type.
  /// - Parameter decode: Answers nil if it has no way to read bytes of that type.
  func optional<Value>(
    _ column: Column,
    as wanted: StaticString,
    _ decode: (_ type: UInt32, UnsafeRawBufferPointer) -> Value?
  ) throws(PostgresError) -> Value? {
    let (place, type) = try find(column)
    let (isNull, value) = unsafe storage.handle.withBytes(row: index, column: place) { bytes in
      guard let bytes = unsafe bytes else { return (true, Value?.none) }
      return (false, unsafe decode(type, bytes))
    }
    if isNull { return nil }
    guard let value else {
      throw PostgresError(
        .unexpectedResult,
        "column \(column.label) of type \(type) cannot be read as \(wanted)"
      )
    }
    return value
  }

  func required<Value>(_ column: Column, _ value: Value?) throws(PostgresError) -> Value {
    guard let value else {
      throw PostgresError(.unexpectedResult, "column \(column.label) is null")
    }
    return value
  }
}

/// A column of a row, by name or by its number from 0. Literals of both kinds will do.
public enum Column: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  /// The first column of this name.
  case name(String)
  /// The column at this place, counted from 0.
  case index(Int)

  /// A column by name.
  public init(stringLiteral name: String) {
    self = .name(name)
  }

  /// A column by its number from 0.
  public init(integerLiteral index: Int) {
    self = .index(index)
  }

  var label: String {
    switch self {
    case .name(let name): "\"\(name)\""
    case .index(let index): "number \(index)"
    }
  }
}

extension Row {
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

  private static let textTypes: Set<UInt32> = [
    TypeOID.text, TypeOID.varchar, TypeOID.bpchar, TypeOID.name, TypeOID.unknown,
  ]

  private static func unixTimestamp(_ server: Int64) -> Int64 {
    if server == .min || server == .max { return server }
    // Finite values end in the year 294276, far from where this could overflow.
    return server &+ TypeOID.epochDistanceInMicroseconds
  }
}
