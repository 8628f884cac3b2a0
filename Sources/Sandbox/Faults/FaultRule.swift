/// When one fault strikes. A rule counts the requests that match `endpoint` and `reward`, from 1, and
/// each of the other conditions narrows the choice down.
public struct FaultRule: Sendable, Hashable, Codable {
  /// The calls that a rule can strike.
  public enum Endpoint: String, Sendable, Hashable, Codable, CaseIterable {
    /// `POST /v1/rewards/{id}/codes/generate`
    case generate
    /// `GET /v1/rewards/{id}/codes`
    case list
    /// `POST /v1/rewards/{id}/sync`
    case sync
    /// `GET /v1/rewards`
    case rewards
    /// `GET /v1/team`
    case team
    /// No call, but the moment at which a plan first meets a reward: before the first generate or list
    /// request about it is carried out.
    case reward
  }

  /// Which calls it looks at; `where` in JSON.
  public var endpoint: Endpoint
  /// What happens; `what` in JSON.
  public var fault: Fault
  /// Strikes with this probability, 0 to 1, by the plan's seed.
  public var probability: Double
  /// Lets this many matching requests pass before anything else is counted.
  public var skip: Int
  /// Strikes only among this many requests after those skipped.
  public var first: Int?
  /// Strikes only every so many requests after those skipped: 3 is the third, the sixth and so on.
  public var every: Int
  /// Strikes only requests about this reward, a UUID in any case.
  public var reward: String?
  /// Strikes at most this often.
  public var times: Int?
  /// Looks at requests only when the plan has been in force for this many seconds.
  public var from: Double?
  /// Looks at requests only until the plan has been in force for this many seconds.
  public var until: Double?

  /// By default a rule strikes every call of its endpoint.
  public init(
    _ endpoint: Endpoint,
    _ fault: Fault,
    probability: Double = 1,
    skip: Int = 0,
    first: Int? = nil,
    every: Int = 1,
    reward: String? = nil,
    times: Int? = nil,
    from: Double? = nil,
    until: Double? = nil
  ) {
    self.endpoint = endpoint
    self.fault = fault
    self.probability = probability
    self.skip = skip
    self.first = first
    self.every = every
    self.reward = reward
    self.times = times
    self.from = from
    self.until = until
  }

  /// Reads a rule; see `FaultPlan.init(json:)`.
  public init(from decoder: any Decoder) throws {
    let parameters = try FaultParameters(decoder)
    endpoint = try parameters.value("where")
    fault = try parameters.value("what")
    probability = try parameters.value("probability", default: 1)
    skip = try parameters.value("skip", default: 0)
    first = try parameters.optional("first")
    every = try parameters.value("every", default: 1)
    reward = try parameters.optional("reward")
    times = try parameters.optional("times")
    from = try parameters.optional("from")
    until = try parameters.optional("until")
    try parameters.refuseOthers()
  }

  /// Writes a rule; see `FaultPlan.json`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: FaultParameters.Key.self)
    try container.encode(endpoint, forKey: "where")
    try container.encode(fault, forKey: "what")
    try container.encode(probability, forKey: "probability")
    try container.encode(skip, forKey: "skip")
    try container.encodeIfPresent(first, forKey: "first")
    try container.encode(every, forKey: "every")
    try container.encodeIfPresent(reward, forKey: "reward")
    try container.encodeIfPresent(times, forKey: "times")
    try container.encodeIfPresent(from, forKey: "from")
    try container.encodeIfPresent(until, forKey: "until")
  }

  func validate() throws(SandboxError) {
    guard (0...1).contains(probability) else {
      throw .faultPlan("probability is between 0 and 1")
    }
    guard skip >= 0, (first ?? 0) >= 0, every >= 1, (times ?? 0) >= 0 else {
      throw .faultPlan("skip, first and times are 0 or more, every is 1 or more")
    }
    guard (from ?? 0) >= 0, (until ?? 0) >= 0 else {
      throw .faultPlan("from and until are 0 seconds or more")
    }
    if let reward, UUIDBits(reward) == nil {
      throw .faultPlan("the reward of a rule is a UUID")
    }
    try fault.validate()
    guard fault.suits(endpoint) else {
      throw .faultPlan("\(fault.name) cannot strike \(endpoint.rawValue)")
    }
  }
}
