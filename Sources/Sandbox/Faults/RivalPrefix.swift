/// The prefix of codes that somebody else makes.
public enum RivalPrefix: String, Sendable, Hashable, Codable {
  /// That of the request, or of the newest codes listed.
  case same
  /// None.
  case none
  /// Another one.
  case other
}

extension RivalPrefix {
  /// The prefix itself, beside codes that have this one.
  func text(like prefix: String?) -> String? {
    switch self {
    case .same: prefix
    case .none: nil
    case .other: "RIVAL"
    }
  }
}
