/// A reward that is due to be looked at, because codes of it are not settled in other systems.
public struct FollowCase: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Which look this is, from 1; it begins anew when more unsettled codes are stored.
  public let look: Int
  /// Looks in a row that failed.
  public let failures: Int
  /// Changes up to this moment of the API's clock are known; nil if nothing is known.
  public let mark: Timestamp?
  /// What has been seen of the order that changes are listed in.
  public let order: ListOrder
  /// Where a reading stopped that was not complete.
  public let position: ScanPosition?

  /// A case with these parts.
  public init(
    reward: RewardID,
    look: Int,
    failures: Int,
    mark: Timestamp?,
    order: ListOrder,
    position: ScanPosition?
  ) {
    self.reward = reward
    self.look = look
    self.failures = failures
    self.mark = mark
    self.order = order
    self.position = position
  }
}

/// Whether the API lists the newest changes first when it is asked to: `follows.list_order`.
public enum ListOrder: String, Sendable, CaseIterable {
  /// Nothing that was shown tells it from another order.
  case unknown
  /// It does: codes were in the order of their changes, and that was not the order of their making.
  case honoured
  /// It does not.
  case ignored
}

/// Where a reading stopped.
public struct ScanPosition: Hashable, Sendable {
  /// Items before the next page.
  public var offset: Int
  /// The code that the next page has to show again.
  public var anchor: CodeID?
  /// The newest change that was shown when the reading began.
  public var newest: Timestamp?

  /// A position with these parts.
  public init(offset: Int, anchor: CodeID?, newest: Timestamp?) {
    self.offset = offset
    self.anchor = anchor
    self.newest = newest
  }
}
