/// Object ids of the built-in types, fixed for ever in the server's `pg_type.dat`.
enum TypeOID {
  static let bool: UInt32 = 16
  static let bytea: UInt32 = 17
  static let name: UInt32 = 19
  static let int8: UInt32 = 20
  static let int2: UInt32 = 21
  static let int4: UInt32 = 23
  static let text: UInt32 = 25
  static let oid: UInt32 = 26
  static let float4: UInt32 = 700
  static let float8: UInt32 = 701
  static let unknown: UInt32 = 705
  static let bpchar: UInt32 = 1042
  static let varchar: UInt32 = 1043
  static let timestamptz: UInt32 = 1184
  static let interval: UInt32 = 1186
  static let uuid: UInt32 = 2950
  static let jsonb: UInt32 = 3802

  static let int4Array: UInt32 = 1007
  static let textArray: UInt32 = 1009
  static let int8Array: UInt32 = 1016
  static let uuidArray: UInt32 = 2951

  /// Types that an extension or a user made have ids from here on.
  static let firstUserDefined: UInt32 = 16384

  /// From 1970-01-01, Unix's epoch, to 2000-01-01, the server's.
  static let epochDistanceInMicroseconds: Int64 = 946_684_800_000_000
}

extension [UInt8] {
  /// The bytes of a number, the most significant first, as everything is on the wire.
  init(bigEndian value: some FixedWidthInteger & Sendable) {
    self = []
    append(bigEndian: value)
  }

  mutating func append<Value: FixedWidthInteger & Sendable>(bigEndian value: Value) {
    var value = value.bigEndian
    unsafe Swift.withUnsafeBytes(of: &value) { unsafe append(contentsOf: $0) }
  }
}

extension FixedWidthInteger {
  /// Reads a number of exactly this width; nil if the bytes are of another one.
  init?(bigEndian bytes: UnsafeRawBufferPointer) {
    guard bytes.count == MemoryLayout<Self>.size else { return nil }
    unsafe self.init(bigEndian: bytes.loadUnaligned(as: Self.self))
  }
}
