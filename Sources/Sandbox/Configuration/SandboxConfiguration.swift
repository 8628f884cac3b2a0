/// Everything that one sandbox is told. Each value has a default that suits a demo.
public struct SandboxConfiguration: Sendable {
  /// Address to listen on.
  public var host: String
  /// Port to listen on; 0 takes any free one, which `Sandbox.port()` tells.
  public var port: Int
  /// The key that `x-api-key` must carry; without one every caller is let in.
  public var apiKey: SandboxKey?
  /// Which rewards exist.
  public var rewards: SandboxRewards
  /// Decides ids, codes, sync outcomes, jitter and faults. The same seed and the same requests in the
  /// same order give the same answers, time stamps aside. Random by default: two sandboxes behind one
  /// database must not make the same ids.
  public var seed: UInt64
  /// How long answers take.
  public var latency: SandboxLatency
  /// How codes look.
  public var codes: CodeShape
  /// How codes appear in other systems.
  public var sync: SyncShape
  /// Share of codes, 0 to 1, that a customer claims the moment they exist: their status is `reserved`.
  public var takenShare: Double
  /// What becomes of codes later.
  public var fate: FateShape
  /// What the API's clock is ahead of this machine's; `createdAt` and its like are told by it.
  public var clockOffset: Duration
  /// How many requests any one second may see, all calls together; 429 answers the others. Without it
  /// there is no limit.
  public var requestsPerSecond: Int?
  /// How it misbehaves; can be changed while it runs.
  public var faults: FaultPlan

  /// Defaults to a loopback address, any port, no key, every reward, no latency.
  public init(
    host: String = "127.0.0.1",
    port: Int = 0,
    apiKey: SandboxKey? = nil,
    rewards: SandboxRewards = .any(),
    seed: UInt64 = .random(in: .min ... .max),
    latency: SandboxLatency = SandboxLatency(),
    codes: CodeShape = CodeShape(),
    sync: SyncShape = SyncShape(),
    takenShare: Double = 0,
    fate: FateShape = FateShape(),
    clockOffset: Duration = .zero,
    requestsPerSecond: Int? = nil,
    faults: FaultPlan = FaultPlan()
  ) {
    self.host = host
    self.port = port
    self.apiKey = apiKey
    self.rewards = rewards
    self.seed = seed
    self.latency = latency
    self.codes = codes
    self.sync = sync
    self.takenShare = takenShare
    self.fate = fate
    self.clockOffset = clockOffset
    self.requestsPerSecond = requestsPerSecond
    self.faults = faults
  }

  func validate() throws(SandboxError) {
    guard (0...65535).contains(port) else {
      throw .configuration("a port is 0 to 65535")
    }
    guard latency.fixed >= .zero, latency.jitter >= .zero else {
      throw .configuration("latency is no or some time, not a negative one")
    }
    guard (0...1).contains(takenShare) else {
      throw .configuration("the share of taken codes is between 0 and 1")
    }
    for reward in rewards.named where UUIDBits(reward) == nil {
      throw .configuration("a reward's id is a UUID, and \(reward) is none")
    }
    guard requestsPerSecond ?? 1 >= 1 else {
      throw .configuration("requests per second are 1 or more")
    }
    try faults.validate()
    try codes.validate()
    try sync.validate()
    try fate.validate()
  }
}

extension SandboxRewards {
  var named: Set<String> {
    switch self {
    case .any(except: let names), .only(let names): names
    }
  }
}
