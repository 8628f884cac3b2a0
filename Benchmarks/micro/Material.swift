import OneOfNone
import Provisioning

/// One call and its answer. They are the same in every run.
struct Material {
  let body: [UInt8]
  let settlement: Settlement
  /// See `Part.words`. Each text is as long as one that is kept (`Bounds.messageLength`).
  let messages = [".", "a_", "17 ", "reward ", "(aA7) "].map { part in
    String(repeating: part, count: Bounds.messageLength / part.utf8.count)
  }
  private let answer: Answer
  private let call: Call

  init() {
    var random = Sequence()
    let reward = RewardID(UniqueID(random: &random))
    call = Call(
      id: CallID(UniqueID(random: &random)),
      job: JobID(1),
      reward: reward,
      prefix: "BENCH",
      size: Bounds.callSize.upperBound
    )
    let items = (0..<Bounds.callSize.upperBound).map { number in
      Self.item(UniqueID(random: &random), of: reward, number: number)
    }
    body = Array("{\"codes\":[\(items.joined(separator: ","))]}".utf8)
    guard let answer = try? AnswerDecoder.decode(body) else {
      preconditionFailure("the body is an answer")
    }
    self.answer = answer
    settlement = Self.settle(call, answer)
  }

  func settle() -> Settlement { Self.settle(call, answer) }

  private static func settle(_ call: Call, _ answer: Answer) -> Settlement {
    var random = Sequence()
    return SettlementRule.settle(
      call,
      by: WorkerID(UniqueID(random: &random)),
      lengths: CallLengths(
        lease: .seconds(60),
        apiTimeout: .seconds(30),
        listingGap: .seconds(10)
      ),
      report: CallReport(outcome: .issued(answer), httpStatus: 201, duration: .milliseconds(12)),
      team: nil,
      jitter: 0.5
    )
  }

  /// A code in the API's form.
  private static func item(_ id: UniqueID, of reward: RewardID, number: Int) -> String {
    """
    {"id":"\(id)","rewardId":"\(reward)","code":"BENCH\(1_000_000_000 + number)",\
    "status":"available","reservedFor":null,"redeemedBy":null,"redeemedAt":null,"orderId":null,\
    "externalOrderId":null,"createdAt":"2026-01-31T12:34:56.789Z","expiresAt":null,\
    "externalIds":{"shopify":{"discountId":"gid://shopify/DiscountCodeNode/9320536655146",\
    "codeId":"gid://shopify/DiscountRedeemCode/\(1_000_000_000_000 + number)",\
    "syncedAt":"2026-01-31T12:34:56.789Z","syncStatus":"synced","error":null}},\
    "updatedAt":"2026-01-31T12:34:56.789Z"}
    """
  }

  /// Pseudo-random numbers that are the same every time (SplitMix64).
  private struct Sequence: RandomNumberGenerator {
    private var state: UInt64 = 1

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var mixed = state
      mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
      mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
      return mixed ^ (mixed >> 31)
    }
  }
}
