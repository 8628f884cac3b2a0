/// A reward that is due for a sync pass, because the sync state of some of its codes is not final.
public struct TrackedReward: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// Which pass this is, from 1; it begins anew when more codes are stored that are not final.
  public let pass: Int
  /// Passes in a row that failed.
  public let failures: Int
  /// Changes up to this moment of the API's clock are known; nil if nothing is known.
  public let mark: Timestamp?
  /// What has been seen of the order that changes are listed in.
  public let order: ListOrder
  /// Where a reading stopped that was not complete.
  public let position: ScanPosition?

  /// A reward, and what earlier passes have found out about its list.
  public init(
    reward: RewardID,
    pass: Int,
    failures: Int,
    mark: Timestamp?,
    order: ListOrder,
    position: ScanPosition?
  ) {
    self.reward = reward
    self.pass = pass
    self.failures = failures
    self.mark = mark
    self.order = order
    self.position = position
  }
}

/// Whether the API lists the newest changes first when it is asked to: `tracked_rewards.list_order`.
public enum ListOrder: String, Sendable, CaseIterable {
  /// Nothing that was shown distinguishes it from another order.
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

  /// A position before the item `offset`.
  public init(offset: Int, anchor: CodeID?, newest: Timestamp?) {
    self.offset = offset
    self.anchor = anchor
    self.newest = newest
  }
}

/// How a sync pass ended.
public struct SyncPassReport: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// How it ended.
  public let ending: Ending

  /// How a pass ended.
  public enum Ending: Hashable, Sendable {
    /// As much was read as there was to read, or as one pass may read.
    case read(ChangeReader.Reading)
    /// The listing failed; the reading so far tells where to continue.
    case failed(message: String, ChangeReader.Reading)
    /// codemint could not ask for more, which says nothing about the list.
    case interrupted(ChangeReader.Reading)

    /// What is known by now.
    public var reading: ChangeReader.Reading {
      switch self {
      case .read(let reading), .failed(_, let reading), .interrupted(let reading): reading
      }
    }
  }

  /// A report on this reward.
  public init(reward: RewardID, ending: Ending) {
    self.reward = reward
    self.ending = ending
  }

  /// How long the reward is left alone, should it have to be tracked further.
  public func pause(_ reward: TrackedReward, _ rules: SyncRules) -> Duration {
    switch ending {
    case .read(let reading):
      reading.position == nil ? rules.pause(after: reward.pass) : rules.first
    case .failed: rules.pause(after: reward.failures)
    case .interrupted: rules.first
    }
  }
}
