/// Rows on their way into a table by COPY, already encoded in its binary format.
///
/// The values of a row are appended in the order of the statement's columns, from `beginRow` on. The
/// format is that of the Postgres manual, COPY, "Binary Format".
public struct CopyRows: Sendable {
  private var bytes: [UInt8]
  private let columns: Int16

  /// No rows yet.
  /// - Parameters:
  ///   - columns: How many columns each has.
  ///   - capacity: About how many bytes there will be.
  public init(columns: Int16, capacity: Int = 0) {
    self.columns = columns
    bytes = []
    bytes.reserveCapacity(capacity + Self.head.count + Self.end.count)
    bytes += Self.head
  }

  /// Begins a row, whose values are appended next, one a column.
  public mutating func beginRow() { bytes.append(bigEndian: columns) }

  /// Appends a `bigint`.
  public mutating func append(int8 value: Int64) {
    bytes.append(bigEndian: Int32(8))
    bytes.append(bigEndian: value)
  }

  /// Appends a `uuid`, its first byte the number's most significant.
  public mutating func append(uuid value: UInt128) {
    bytes.append(bigEndian: Int32(16))
    bytes.append(bigEndian: value)
  }

  /// Appends a `text`.
  public mutating func append(text value: String) {
    let utf8 = value.utf8
    bytes.append(bigEndian: Int32(utf8.count))
    bytes.append(contentsOf: utf8)
  }

  /// Appends a `jsonb` from JSON text in UTF-8.
  public mutating func append(jsonb utf8: [UInt8]) {
    bytes.append(bigEndian: Int32(utf8.count + 1))
    bytes.append(Parameter.jsonbVersion)
    bytes.append(contentsOf: utf8)
  }

  /// Appends a `timestamptz`; see `Parameter.timestamptz(microsecondsSinceUnixEpoch:)`.
  public mutating func append(microsecondsSinceUnixEpoch value: Int64?) {
    guard let value else { return bytes.append(bigEndian: Int32(-1)) }
    bytes.append(bigEndian: Int32(8))
    bytes.append(bigEndian: Parameter.serverTimestamp(value))
  }

  /// The signature, no flags, no extension.
  private static let head: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)

  /// What stands in the place of a row's number of columns behind the last one.
  private static let end = [UInt8](bigEndian: Int16(-1))

  /// The bytes with their end.
  var ended: [UInt8] { bytes + Self.end }
}

extension CopyRows: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The size only: a value may be a secret.
  public var description: String { "\(bytes.count) bytes of rows" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// Shows what `description` shows.
  public var customMirror: Mirror { Mirror(self, children: ["bytes": bytes.count]) }
}
