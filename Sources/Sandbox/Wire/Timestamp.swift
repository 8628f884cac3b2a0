/// Moments as the API writes them.
enum Timestamp {
  /// ISO 8601 with milliseconds, UTC, of milliseconds since 1970.
  static func text(_ milliseconds: Int64) -> String {
    String(unsafeUninitializedCapacity: Pen.timestampLength) { bytes in
      var pen = Pen(UnsafeMutableRawBufferPointer(bytes))
      pen.write(Calendar(milliseconds: milliseconds))
      return pen.written
    }
  }
}
