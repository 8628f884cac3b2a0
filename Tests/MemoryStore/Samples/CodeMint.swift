public import Provisioning
import Synchronization

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
