// Tests of the rules: values in, values out. Nothing here waits, reads a clock or needs a server.
//
// Where the cases can be counted they are all tried; elsewhere a seeded generator makes thousands
// of them, and the seed is the argument of the test, so that a failure names what replays it.
// The folders are those of Sources/Provisioning. Rules/ are those that production has in SQL: their
// reference model in MemoryStore is tested here. Support holds what several folders need.

import Provisioning

/// Values that tests need and whose particulars do not matter.
enum Samples {
  /// The value of every sample code; a test that prints it has found a leak.
  static let secretValue = "SUMMER-9F3K-WORTH-MONEY"

  static func id(_ number: Int) -> UniqueID {
    UniqueID(bits: UInt128(number))
  }

  static let reward = RewardID(id(1))
  static let otherReward = RewardID(id(2))
  static let worker = WorkerID(id(3))
  static let lengths = CallLengths(
    lease: .seconds(15),
    apiTimeout: .seconds(60),
    listingGap: .seconds(10)
  )

  static func code(
    _ number: Int,
    reward: RewardID = reward,
    value: String = secretValue,
    externalIDs: [UInt8] = Array("{}".utf8),
    createdAt: Int64? = 1
  ) -> IssuedCode {
    IssuedCode(
      id: CodeID(id(1000 + number)),
      reward: reward,
      code: value,
      status: "available",
      createdAt: createdAt.map(Timestamp.init(microseconds:)),
      expiresAt: nil,
      updatedAt: nil,
      externalIDs: externalIDs,
      syncStatus: .pending
    )
  }

  static func answer(_ codes: [IssuedCode], nulls: Int = 0) -> Answer {
    Answer(codes: codes, nulls: nulls, body: Array(secretValue.utf8))
  }

  static func call(size: Int) -> Call {
    Call(id: CallID(id(4)), job: JobID(7), reward: reward, prefix: "SUMMER", size: size)
  }
}
