/// One reward code as the API showed it.
///
/// The value of `code` is worth money: it is never logged, and this type deliberately describes
/// itself without it.
public struct IssuedCode: Hashable, Sendable {
  /// The API's identifier of the code.
  public let id: CodeID
  /// The reward that the API says it belongs to.
  public let reward: RewardID
  /// The code that a customer types.
  public let code: String
  /// The API's status: available, reserved, redeemed, expired, revoked, or a text not known here.
  public let status: String
  /// When the API says that it was made, if that can be read.
  public let createdAt: Timestamp?
  /// When it expires, if ever.
  public let expiresAt: Timestamp?
  /// When the API last changed it.
  public let updatedAt: Timestamp?
  /// The object `externalIds` as received: UTF-8 JSON.
  public let externalIDs: [UInt8]
  /// The worst of its systems' sync states.
  public let syncStatus: SyncStatus

  /// A code as the API showed it.
  public init(
    id: CodeID,
    reward: RewardID,
    code: String,
    status: String,
    createdAt: Timestamp?,
    expiresAt: Timestamp?,
    updatedAt: Timestamp?,
    externalIDs: [UInt8],
    syncStatus: SyncStatus
  ) {
    self.id = id
    self.reward = reward
    self.code = code
    self.status = status
    self.createdAt = createdAt
    self.expiresAt = expiresAt
    self.updatedAt = updatedAt
    self.externalIDs = externalIDs
    self.syncStatus = syncStatus
  }

  /// Whether its text begins with these bytes, as the database's `starts_with` sees it; a String's
  /// own `hasPrefix` compares characters, of which several bytes can be one.
  public func hasPrefix(_ prefix: String) -> Bool {
    code.utf8.starts(with: prefix.utf8)
  }
}

extension IssuedCode: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The code's identifier; never its value.
  public var description: String { "code \(id)" }

  /// The code's identifier; never its value.
  public var debugDescription: String { description }

  /// No children, so that `dump` and test failures do not show the value either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// How far a code has been copied to Shopify, Stripe and other systems: `codes.sync_status`.
public enum SyncStatus: String, Sendable, CaseIterable {
  /// No system has it, and none will.
  case none
  /// At least one system has yet to take it, and none has failed.
  case pending
  /// Every system has it.
  case synced
  /// At least one system failed.
  case error

  /// The state of a code in one system, by the API's word for it. A word that is not known here counts
  /// as pending, since nothing says that it is final.
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
