public import Provisioning

/// Names that tests need and whose particulars do not matter.
public enum Samples {
  /// A reward; another one for each number.
  public static func reward(_ number: Int) -> RewardID {
    RewardID(UniqueID(bits: UInt128(0xAAAA) << 112 | UInt128(number)))
  }

  /// A worker; another one for each number.
  public static func worker(_ number: Int) -> WorkerID {
    WorkerID(UniqueID(bits: UInt128(0xBBBB) << 112 | UInt128(number)))
  }

  /// A call; another one for each number.
  public static func call(_ number: Int) -> CallID {
    CallID(UniqueID(bits: UInt128(0xCCCC) << 112 | UInt128(number)))
  }

  /// How a worker with these limits announces itself.
  public static func presence(
    _ worker: WorkerID,
    limits: Limits,
    draining: Bool = false,
    lifetime: Duration = .seconds(60)
  ) -> WorkerPresence {
    WorkerPresence(
      id: worker,
      host: "host",
      process: 1,
      version: "0.0.0",
      limits: limits,
      draining: draining,
      lifetime: lifetime
    )
  }
}
