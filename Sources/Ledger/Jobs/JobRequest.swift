/// What a producer asks for: one row of `codemint.jobs`.
///
/// Nothing is checked here; the database refuses what it does not take, with a sentence.
public struct JobRequest: Hashable, Sendable {
  /// The reward, as text.
  public var reward: String
  /// How many codes.
  public var count: Int32
  /// What the codes shall begin with.
  public var prefix: String?
  /// 0 (first) to 9 (last); nil for the database's default.
  public var priority: Int16?
  /// An SQL timestamp, such as `2026-12-24 08:00+01` or `tomorrow`; nil for now.
  public var runAt: String?
  /// Unique for ever.
  public var dedupeKey: String?
  /// A JSON object.
  public var metadata: String?

  /// A request for codes.
  public init(
    reward: String,
    count: Int32,
    prefix: String? = nil,
    priority: Int16? = nil,
    runAt: String? = nil,
    dedupeKey: String? = nil,
    metadata: String? = nil
  ) {
    self.reward = reward
    self.count = count
    self.prefix = prefix
    self.priority = priority
    self.runAt = runAt
    self.dedupeKey = dedupeKey
    self.metadata = metadata
  }
}
