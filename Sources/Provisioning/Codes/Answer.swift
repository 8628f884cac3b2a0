/// A 201 answer: the codes that it proves, in the order given.
public struct Answer: Hashable, Sendable {
  /// Every code of the list, doubled and foreign ones included.
  public let codes: [IssuedCode]
  /// Items that were `null`. Why the API sends them is not stated; they are never counted.
  public let nulls: Int
  /// The body as received, kept until the codes are stored, in case the database refuses a part
  /// of its content.
  public let body: [UInt8]

  /// An answer with these parts.
  public init(codes: [IssuedCode], nulls: Int, body: [UInt8]) {
    self.codes = codes
    self.nulls = nulls
    self.body = body
  }

  /// The codes of this reward, each once, and those that name another reward.
  public func sorted(for reward: RewardID) -> (own: [IssuedCode], foreign: [IssuedCode]) {
    var seen = Set<CodeID>(minimumCapacity: codes.count)
    var own: [IssuedCode] = []
    var foreign: [IssuedCode] = []
    own.reserveCapacity(codes.count)
    for code in codes where seen.insert(code.id).inserted {
      if code.reward == reward { own.append(code) } else { foreign.append(code) }
    }
    return (own, foreign)
  }

  /// Whether the answer is exactly what was asked for: `size` codes, all of them the reward's `own`
  /// and each there once, as `sorted` finds them.
  public func isExact(size: Int, own: [IssuedCode]) -> Bool {
    nulls == 0 && codes.count == size && own.count == size
  }
}

extension Answer: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// How much it lists; never a code's value, which `body` holds.
  public var description: String { "answer of \(codes.count) codes and \(nulls) nulls" }

  /// How much it lists; never a code's value.
  public var debugDescription: String { description }

  /// The counts alone, so that `dump` and test failures do not show the body's bytes either.
  public var customMirror: Mirror {
    Mirror(self, children: ["codes": codes.count, "nulls": nulls], displayStyle: .struct)
  }
}
