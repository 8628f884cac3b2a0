/// What the codes of a request get of the prefix that it asked for. In JSON a word, or the number of
/// characters that it is cut to.
public enum PrefixForm: Sendable, Hashable {
  /// All of it, as it is.
  case literal
  /// In upper case.
  case upper
  /// In lower case.
  case lower
  /// Its letters and digits only.
  case plain
  /// These in upper case.
  case upperPlain
  /// These in lower case.
  case lowerPlain
  /// Nothing of it.
  case dropped
  /// This many characters from its beginning.
  case cut(Int)

  /// The prefix that codes get, nil for none.
  func text(of prefix: String?) -> String? {
    guard let prefix else { return nil }
    let text =
      switch self {
      case .literal: prefix
      case .upper: prefix.uppercased()
      case .lower: prefix.lowercased()
      case .plain: String(prefix.filter { $0.isLetter || $0.isNumber })
      case .upperPlain: PrefixForm.plain.text(of: prefix)?.uppercased() ?? ""
      case .lowerPlain: PrefixForm.plain.text(of: prefix)?.lowercased() ?? ""
      case .dropped: ""
      case .cut(let length): String(prefix.prefix(length))
      }
    return text.isEmpty ? nil : text
  }
}

extension PrefixForm: Codable {
  /// Reads a word, or the number of characters that are left.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let length = try? container.decode(Int.self) {
      self = .cut(length)
      return
    }
    switch try container.decode(String.self) {
    case "literal": self = .literal
    case "upper": self = .upper
    case "lower": self = .lower
    case "plain": self = .plain
    case "upperPlain": self = .upperPlain
    case "lowerPlain": self = .lowerPlain
    case "dropped": self = .dropped
    default:
      throw SandboxError.faultPlan(
        "a prefix is \"literal\", \"upper\", \"lower\", \"plain\", \"upperPlain\", \"lowerPlain\", "
          + "\"dropped\" or a number of characters"
      )
    }
  }

  /// Writes a word, or the number of characters that are left.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .literal: try container.encode("literal")
    case .upper: try container.encode("upper")
    case .lower: try container.encode("lower")
    case .plain: try container.encode("plain")
    case .upperPlain: try container.encode("upperPlain")
    case .lowerPlain: try container.encode("lowerPlain")
    case .dropped: try container.encode("dropped")
    case .cut(let length): try container.encode(length)
    }
  }
}

/// How an answer shows the texts of codes.
public enum TextForm: String, Sendable, Hashable, Codable {
  /// As they are.
  case same
  /// In lower case.
  case lower
  /// In upper case.
  case upper
  /// The last four characters behind stars.
  case masked
  /// Without dashes.
  case dashless

  /// What it shows of a text.
  func shown(_ text: String) -> String {
    switch self {
    case .same: text
    case .lower: text.lowercased()
    case .upper: text.uppercased()
    case .masked: String(repeating: "*", count: max(0, text.count - 4)) + text.suffix(4)
    case .dashless: text.filter { $0 != "-" }
    }
  }
}

/// How an answer shows the times of codes. Without any value it shows them as the contract's examples do:
/// UTC, milliseconds, `Z`.
public struct TimeForm: Sendable, Hashable {
  /// The last digit that is shown.
  public enum Resolution: String, Sendable, Hashable, Codable {
    /// The seconds are always 00.
    case minutes
    /// No fraction.
    case seconds
    /// Three digits behind the point.
    case milliseconds
    /// Six digits behind the point.
    case microseconds

    /// How many microseconds that is.
    var microseconds: Int64 {
      switch self {
      case .minutes: 60_000_000
      case .seconds: 1_000_000
      case .milliseconds: 1000
      case .microseconds: 1
      }
    }
  }

  /// Seconds that the times are ahead of the truth.
  public var offset: Double
  /// The last digit that is shown.
  public var resolution: Resolution
  /// Whether the rest is rounded, and not cut off.
  public var rounded: Bool
  /// How the zone is written. A `Z` that lies is an offset with `Z`.
  public var zone: ZoneForm

  /// Shows the truth by default.
  public init(
    offset: Double = 0,
    resolution: Resolution = .milliseconds,
    rounded: Bool = false,
    zone: ZoneForm = .utc
  ) {
    self.offset = offset
    self.resolution = resolution
    self.rounded = rounded
    self.zone = zone
  }

  /// What the date and the time of day show for a moment, both in microseconds since 1970.
  func shown(_ microseconds: Int64) -> Int64 {
    let unit = resolution.microseconds
    let moved = microseconds + Int64(offset * 1e6) + zone.microseconds + (rounded ? unit / 2 : 0)
    let rest = moved % unit
    return moved - (rest < 0 ? rest + unit : rest)
  }
}

/// How a time's zone is written. In JSON `"Z"`, `"none"` or a number of hours.
public enum ZoneForm: Sendable, Hashable {
  /// `Z`
  case utc
  /// Not at all; the time of day is UTC, as far as the offset is none.
  case none
  /// As `+05:30` for 5.5, with the time of day of that zone.
  case hours(Double)

  /// What its time of day is ahead of UTC.
  var microseconds: Int64 {
    switch self {
    case .utc, .none: 0
    case .hours(let hours): Int64((hours * 60).rounded()) * 60_000_000
    }
  }
}

extension ZoneForm: Codable {
  /// Reads `"Z"`, `"none"` or a number of hours.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let hours = try? container.decode(Double.self) {
      self = .hours(hours)
      return
    }
    switch try container.decode(String.self) {
    case "Z": self = .utc
    case "none": self = .none
    default: throw SandboxError.faultPlan("a zone is \"Z\", \"none\" or a number of hours")
    }
  }

  /// Writes `"Z"`, `"none"` or a number of hours.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .utc: try container.encode("Z")
    case .none: try container.encode("none")
    case .hours(let hours): try container.encode(hours)
    }
  }
}

/// What an answer can keep back.
public enum WithheldField: String, Sendable, Hashable, Codable {
  /// When a code was made.
  case createdAt
  /// When a code last changed.
  case updatedAt
  /// How a code appears in other systems.
  case externalIds
  /// What a list says of its other pages.
  case pagination
}

/// What an answer has in place of a field.
public enum Withholding: String, Sendable, Hashable, Codable {
  /// The field is not there.
  case missing
  /// The field is null.
  case null
  /// The field is an empty list, as some servers write an object that is empty.
  case list

  /// The value as JSON; nil for none.
  var json: String? {
    switch self {
    case .missing: nil
    case .null: "null"
    case .list: "[]"
    }
  }
}

/// The form in which one answer shows its codes.
struct Look: Sendable, Equatable {
  var texts = TextForm.same
  var times = TimeForm()
  /// What stands in place of `createdAt`.
  var createdAt: Withholding?
  /// What stands in place of `updatedAt`.
  var updatedAt: Withholding?
  /// What stands in place of `externalIds`.
  var externalIds: Withholding?
  /// What stands in place of `pagination`.
  var pagination: Withholding?
}
