extension Duration {
  /// Whole nanoseconds, rounded toward zero. Holds about 292 years.
  public var nanoseconds: Int64 {
    components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
  }

  /// Whole microseconds, the database's resolution, rounded toward zero.
  public var microseconds: Int64 {
    nanoseconds / 1000
  }

  /// Whole milliseconds, rounded toward zero.
  public var milliseconds: Int64 {
    nanoseconds / 1_000_000
  }

  /// Seconds with their fraction, for arithmetic and display.
  public var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) / 1e18
  }
}
