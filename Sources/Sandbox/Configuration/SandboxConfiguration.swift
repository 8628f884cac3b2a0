/// Everything that one sandbox is told. Each value has a default that suits a demo.
public struct SandboxConfiguration: Sendable {
  /// Address to listen on.
  public var host: String
  /// Port to listen on; 0 takes any free one, which `Sandbox.port()` tells.
  public var port: Int
  /// The key that `x-api-key` must carry; nil if any key will do. A request without a key gets 401 in any
  /// case, as from the API.
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

/// The API key that clients must send. Nothing prints it.
public struct SandboxKey: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible,
  CustomReflectable
{
  let text: String

  /// Takes the key as clients will send it in `x-api-key`.
  public init(_ text: String) {
    self.text = text
  }

  /// Takes the key as clients will send it in `x-api-key`.
  public init(stringLiteral text: String) {
    self.text = text
  }

  /// Never the key.
  public var description: String { "(secret)" }

  /// Empty, so that dumping a configuration shows no key either.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// How long an answer takes. Codes come into being in the middle of it, so that a client that dies while
/// it waits leaves behind both calls that worked and calls that never did.
public struct SandboxLatency: Sendable, Hashable {
  /// What every answer takes at least.
  public var fixed: Duration
  /// What is added to it: a share between none and all of this, by the seed.
  public var jitter: Duration

  /// Defaults to no latency at all.
  public init(fixed: Duration = .zero, jitter: Duration = .zero) {
    self.fixed = fixed
    self.jitter = jitter
  }
}

/// Which rewards exist; every other one answers 404. Ids are UUIDs in any case.
public enum SandboxRewards: Sendable, Hashable {
  /// Every UUID is a reward, but for these.
  case any(except: Set<String> = [])
  /// Only these are rewards.
  case only(Set<String>)

  /// The rewards that it names.
  var named: Set<String> {
    switch self {
    case .any(except: let names), .only(let names): names
    }
  }
}

/// Why a sandbox cannot be made as it was asked for.
public struct SandboxError: Error, Equatable, CustomStringConvertible {
  /// Which kind of mistake it is; more may come.
  public struct Code: Hashable, Sendable {
    let name: String
    /// A value of the configuration is out of its range or contradicts another one.
    public static let invalidConfiguration = Code(name: "invalid configuration")
    /// A fault plan cannot be read or asks for something impossible.
    public static let invalidFaultPlan = Code(name: "invalid fault plan")
    /// The address cannot be listened on.
    public static let cannotListen = Code(name: "cannot listen")
  }

  /// The kind of mistake.
  public let code: Code
  /// What is wrong, and what would be right.
  public let reason: String

  /// What is wrong, and what would be right.
  public var description: String { "\(code.name): \(reason)" }

  static func configuration(_ reason: String) -> SandboxError {
    SandboxError(code: .invalidConfiguration, reason: reason)
  }

  static func faultPlan(_ reason: String) -> SandboxError {
    SandboxError(code: .invalidFaultPlan, reason: reason)
  }
}
