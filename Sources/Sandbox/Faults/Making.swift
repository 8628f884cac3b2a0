/// How many of the codes asked for come into being. In JSON `"all"`, `"none"` or a number.
public enum Making: Sendable, Hashable {
  /// As if nothing were wrong.
  case all
  /// None of them.
  case none
  /// This many, at most all.
  case part(Int)

  /// How many that is.
  func count(of wanted: Int) -> Int {
    switch self {
    case .all: wanted
    case .none: 0
    case .part(let count): min(count, wanted)
    }
  }
}

extension Making: Codable {
  /// Reads `"all"`, `"none"` or a number.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let count = try? container.decode(Int.self) {
      self = .part(count)
      return
    }
    switch try container.decode(String.self) {
    case "all": self = .all
    case "none": self = .none
    default:
      throw SandboxError.faultPlan("made is \"all\", \"none\" or a number of codes")
    }
  }

  /// Writes `"all"`, `"none"` or a number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .all: try container.encode("all")
    case .none: try container.encode("none")
    case .part(let count): try container.encode(count)
    }
  }
}
