/// A value on its way to the server, already encoded in Postgres's binary format.
///
/// Each factory takes an optional; nil is SQL's null of that type.
public struct Parameter: Sendable {
  /// The type that the server is told; 0 leaves it to the server.
  let type: UInt32
  /// The encoded value; nil is null.
  let bytes: [UInt8]?

  init(type: UInt32, bytes: [UInt8]?) {
    self.type = type
    self.bytes = bytes
  }

  /// A null whose type the server finds out from the statement.
  public static let null = Parameter(type: 0, bytes: nil)

  /// A `smallint`.
  public static func int2(_ value: Int16?) -> Parameter {
    Parameter(type: TypeOID.int2, bytes: value.map { [UInt8](bigEndian: $0) })
  }

  /// An `integer`.
  public static func int4(_ value: Int32?) -> Parameter {
    Parameter(type: TypeOID.int4, bytes: value.map { [UInt8](bigEndian: $0) })
  }

  /// A `bigint`.
  public static func int8(_ value: Int64?) -> Parameter {
    Parameter(type: TypeOID.int8, bytes: value.map { [UInt8](bigEndian: $0) })
  }

  /// A `boolean`.
  public static func bool(_ value: Bool?) -> Parameter {
    Parameter(type: TypeOID.bool, bytes: value.map { [$0 ? 1 : 0] })
  }

  /// A `double precision`.
  public static func float8(_ value: Double?) -> Parameter {
    Parameter(type: TypeOID.float8, bytes: value.map { [UInt8](bigEndian: $0.bitPattern) })
  }

  /// A `text`. The server refuses one that holds U+0000 with an error of class 22.
  public static func text(_ value: String?) -> Parameter {
    Parameter(type: TypeOID.text, bytes: value.map { Array($0.utf8) })
  }

  /// A `uuid`, its first byte the number's most significant.
  public static func uuid(_ value: UInt128?) -> Parameter {
    Parameter(type: TypeOID.uuid, bytes: value.map { [UInt8](bigEndian: $0) })
  }

  /// A `bytea`.
  public static func bytea(_ value: [UInt8]?) -> Parameter {
    Parameter(type: TypeOID.bytea, bytes: value)
  }

  /// A `jsonb` from JSON text in UTF-8. The server refuses what is not JSON, and `\u0000` within it,
  /// with an error of class 22.
  public static func jsonb(_ utf8: [UInt8]?) -> Parameter {
    Parameter(type: TypeOID.jsonb, bytes: utf8.map { [jsonbVersion] + $0 })
  }

  /// A `jsonb` from JSON text.
  public static func jsonb(text: String?) -> Parameter {
    Parameter(type: TypeOID.jsonb, bytes: text.map { [jsonbVersion] + $0.utf8 })
  }

  /// A `timestamptz`. `Int64.min` and `.max` are the server's `-infinity` and `infinity`; the server
  /// refuses what is before its year -4713 with an error of class 22.
  public static func timestamptz(microsecondsSinceUnixEpoch value: Int64?) -> Parameter {
    Parameter(
      type: TypeOID.timestamptz,
      bytes: value.map { [UInt8](bigEndian: serverTimestamp($0)) }
    )
  }

  /// An `interval` in microseconds, without days or months.
  public static func interval(_ value: Duration?) -> Parameter {
    guard let value else { return Parameter(type: TypeOID.interval, bytes: nil) }
    var bytes = [UInt8](bigEndian: value.wholeMicroseconds)
    bytes.append(bigEndian: Int32(0))
    bytes.append(bigEndian: Int32(0))
    return Parameter(type: TypeOID.interval, bytes: bytes)
  }

  /// The byte that stands before the text of a `jsonb` on the wire.
  static let jsonbVersion: UInt8 = 1

  /// Microseconds since the server's epoch. What does not fit is as early as can be without being
  /// `-infinity`, so that the server refuses it instead of taking it for something else.
  static func serverTimestamp(_ value: Int64) -> Int64 {
    if value == .min || value == .max { return value }
    let (shifted, overflow) = value.subtractingReportingOverflow(
      TypeOID.epochDistanceInMicroseconds
    )
    return overflow || shifted == .min ? .min + 1 : shifted
  }
}

extension Parameter: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The type only: a value may be a secret.
  public var description: String { "parameter of type \(type)" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// Shows what `description` shows.
  public var customMirror: Mirror { Mirror(self, children: ["type": type]) }
}
