/// How far a code has been copied to Shopify, Stripe and other systems: `codes.sync_status`.
public enum SyncStatus: String, Sendable, CaseIterable {
  /// No system has it, nor will.
  case none
  /// At least one system has yet to take it, and none has failed.
  case pending
  /// Every system has it.
  case synced
  /// At least one system failed.
  case error

  /// The state of a code in one system, by the API's word for it. A word that is not known here counts
  /// as pending, since nothing says that it is settled.
  public init(word: String) {
    switch word {
    case "error": self = .error
    case "synced": self = .synced
    default: self = .pending
    }
  }

  /// The worse of two: error, then pending, then synced, then none.
  public func worse(_ other: SyncStatus) -> SyncStatus {
    rank < other.rank ? other : self
  }

  /// The state of a code whose systems have these states in the API's words: the worst of them.
  public static func worst(of words: some Sequence<String>) -> SyncStatus {
    words.reduce(.none) { $0.worse(SyncStatus(word: $1)) }
  }

  private var rank: Int {
    switch self {
    case .none: 0
    case .synced: 1
    case .pending: 2
    case .error: 3
    }
  }
}
