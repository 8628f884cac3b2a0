/// How a look at a followed reward ended.
public struct LookReport: Hashable, Sendable {
  /// The reward.
  public let reward: RewardID
  /// How it ended.
  public let ending: Ending

  /// How a look ended.
  public enum Ending: Hashable, Sendable {
    /// As much was read as there was to read, or as a look may.
    case read(ChangeReader.Reading)
    /// The listing failed; the reading so far tells where to go on.
    case failed(message: String, ChangeReader.Reading)
    /// Nothing more could be asked for a reason of this side, which says nothing about the list.
    case interrupted(ChangeReader.Reading)

    /// What is known by now.
    public var reading: ChangeReader.Reading {
      switch self {
      case .read(let reading), .failed(_, let reading), .interrupted(let reading): reading
      }
    }
  }

  /// A report with these parts.
  public init(reward: RewardID, ending: Ending) {
    self.reward = reward
    self.ending = ending
  }

  /// How long the reward is left alone, should it have to be followed further.
  public func pause(_ follow: FollowCase, _ rules: SyncRules) -> Duration {
    switch ending {
    case .read(let reading):
      reading.position == nil ? rules.pause(after: follow.look) : rules.first
    case .failed: rules.pause(after: follow.failures)
    case .interrupted: rules.first
    }
  }
}

/// What became of a look.
public enum LookAnswer: Hashable, Sendable {
  /// The reward is looked at again. The API shall be asked to copy it to these systems once more.
  case following(resync: [SyncSystem])
  /// No code of it has anything to wait for.
  case settled
  /// What is not settled now will not be waited for any longer.
  case givenUp
  /// The reward has been lost to another worker, and nothing was recorded.
  case lost
}
