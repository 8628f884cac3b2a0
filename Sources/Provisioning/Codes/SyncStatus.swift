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

  /// The state of a code whose systems have these states in the API's words: the worst of them.
  /// A word that is not known here counts as pending, since nothing says that it is settled.
  public static func worst(of words: some Sequence<String>) -> SyncStatus {
    var worst = SyncStatus.none
    for word in words {
      switch word {
      case "error": return .error
      case "synced": if worst == .none { worst = .synced }
      default: worst = .pending
      }
    }
    return worst
  }
}
