public import Provisioning
import Synchronization

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

  /// A listing; another one for each number.
  public static func listing(_ number: Int) -> ListingID {
    ListingID(UniqueID(bits: UInt128(0xFFFF) << 112 | UInt128(number)))
  }

  /// The lengths of a worker's settings.
  public static func lengths(
    lease: Duration = .seconds(10),
    apiTimeout: Duration = .seconds(60),
    listingGap: Duration = .seconds(10)
  ) -> CallLengths {
    CallLengths(lease: lease, apiTimeout: apiTimeout, listingGap: listingGap)
  }

  /// How a worker with these limits announces itself.
  public static func presence(
    _ worker: WorkerID,
    limits: Limits,
    lengths: CallLengths = lengths(),
    draining: Bool = false,
    lifetime: Duration = .seconds(60)
  ) -> WorkerPresence {
    WorkerPresence(
      id: worker,
      host: "host",
      process: 1,
      version: "0.0.0",
      limits: limits,
      lengths: lengths,
      draining: draining,
      lifetime: lifetime
    )
  }
}

/// Makes codes that are all different, as the API does, and remembers how many.
public final class CodeMint: Sendable {
  private let count = Mutex(0)

  /// A mint that has made nothing yet.
  public init() {}

  /// How many codes were made.
  public var made: Int { count.withLock { $0 } }

  /// New codes of a reward; `bad` ones hold a character that no database takes.
  public func make(
    _ number: Int,
    of reward: RewardID,
    prefix: String = "CODE-",
    bad: Bool = false
  ) -> [IssuedCode] {
    (0..<number).map { _ in
      let serial = count.withLock { count in
        count += 1
        return count
      }
      return Self.code(serial, of: reward, text: "\(prefix)\(serial)\(bad ? "\u{0}" : "")")
    }
  }

  /// The code with this serial number.
  public static func code(
    _ serial: Int,
    of reward: RewardID,
    text: String? = nil,
    externalIDs: String = "{}"
  ) -> IssuedCode {
    IssuedCode(
      id: CodeID(UniqueID(bits: UInt128(0xDDDD) << 112 | UInt128(serial))),
      reward: reward,
      code: text ?? "CODE-\(serial)",
      status: "available",
      createdAt: Timestamp(microseconds: 1_000_000_000_000_000 + Int64(serial)),
      expiresAt: nil,
      updatedAt: nil,
      externalIDs: Array(externalIDs.utf8),
      syncStatus: .pending
    )
  }
}

/// A random number generator whose whole sequence follows from its seed (SplitMix64).
public struct SeededRandom: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The generator of this seed.
  public init(seed: UInt64) {
    state = seed
  }

  /// The next 64 bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
