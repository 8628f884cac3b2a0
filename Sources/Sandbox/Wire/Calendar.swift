/// Civil date and time of day in UTC, from microseconds since 1970.
struct Calendar {
  let year: Int
  let month: Int
  let day: Int
  let hour: Int
  let minute: Int
  let second: Int
  let microsecond: Int
  /// 0 is Sunday.
  let weekday: Int

  /// Days are counted from the first of March of year 0, where leap days fall on a year's end.
  init(microseconds: Int64) {
    let (days, time) = Self.floorDivided(Int(microseconds), by: 86_400_000_000)
    let shifted = days + 719_468
    let (era, dayOfEra) = Self.floorDivided(shifted, by: 146_097)
    let yearOfEra =
      (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
    month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
    year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    weekday = Self.floorDivided(days + 4, by: 7).remainder
    hour = time / 3_600_000_000
    minute = time / 60_000_000 % 60
    second = time / 1_000_000 % 60
    microsecond = time % 1_000_000
  }

  private static func floorDivided(_ value: Int, by divisor: Int) -> (quotient: Int, remainder: Int)
  {
    let remainder = ((value % divisor) + divisor) % divisor
    return ((value - remainder) / divisor, remainder)
  }
}

extension Pen {
  /// Writes a moment as ISO 8601, `2026-01-31T12:34:56.789Z` if nothing else is asked for.
  /// - Parameter microseconds: since 1970, UTC.
  mutating func write(_ microseconds: Int64, as form: TimeForm) {
    let date = Calendar(microseconds: form.shown(microseconds))
    write(date.year, digits: 4)
    write(byte: UInt8(ascii: "-"))
    write(date.month, digits: 2)
    write(byte: UInt8(ascii: "-"))
    write(date.day, digits: 2)
    write(byte: UInt8(ascii: "T"))
    write(date.hour, digits: 2)
    write(byte: UInt8(ascii: ":"))
    write(date.minute, digits: 2)
    write(byte: UInt8(ascii: ":"))
    write(date.second, digits: 2)
    switch form.resolution {
    case .minutes, .seconds: break
    case .milliseconds:
      write(byte: UInt8(ascii: "."))
      write(date.microsecond / 1000, digits: 3)
    case .microseconds:
      write(byte: UInt8(ascii: "."))
      write(date.microsecond, digits: 6)
    }
    write(form.zone)
  }

  private mutating func write(_ zone: ZoneForm) {
    switch zone {
    case .utc: write(byte: UInt8(ascii: "Z"))
    case .none: break
    case .hours(let hours):
      let minutes = Int((abs(hours) * 60).rounded())
      write(byte: hours < 0 ? UInt8(ascii: "-") : UInt8(ascii: "+"))
      write(minutes / 60, digits: 2)
      write(byte: UInt8(ascii: ":"))
      write(minutes % 60, digits: 2)
    }
  }
}

/// Moments as the API writes them.
enum Timestamp {
  /// ISO 8601, of microseconds since 1970.
  static func text(_ microseconds: Int64, as form: TimeForm = TimeForm()) -> String {
    String(unsafeUninitializedCapacity: Pen.longestTimestamp) { bytes in
      var pen = Pen(UnsafeMutableRawBufferPointer(bytes))
      pen.write(microseconds, as: form)
      return pen.written
    }
  }
}
