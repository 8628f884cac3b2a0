import Provisioning

/// A case in doubt and what is listed of it, put together from what matters to a test. Times are seconds
/// on the database's clock, with which the API's clock agrees.
struct DoubtScene {
  var calls: [DoubtfulCall]
  var offset: ClockOffset? = ClockOffset(low: 0, high: 0)
  var isClockDistrusted = false
  var isRestored = false
  var evidence = Evidence.agreeing
  var reference: Evidence?
  var date: ClockOffset?
  var nulls = 0

  init(_ calls: DoubtfulCall...) {
    self.calls = calls
  }

  init(_ calls: [DoubtfulCall]) {
    self.calls = calls
  }

  /// The call of job `number`, effective for a minute from `from` on.
  static func call(
    _ number: Int,
    size: Int,
    prefix: String? = nil,
    lacks: Int? = nil,
    isAnswered: Bool = false,
    setAside: [Int] = [],
    from: Int64 = 0,
    until: Int64? = nil
  ) -> DoubtfulCall {
    DoubtfulCall(
      call: Call(
        id: CallID(Samples.id(100 + number)),
        job: JobID(Int64(number)),
        reward: Samples.reward,
        prefix: prefix,
        size: size
      ),
      lacks: lacks,
      isAnswered: isAnswered,
      setAside: setAside.map { CodeID(Samples.id(1000 + $0)) },
      earliest: Timestamp(microseconds: from * 1_000_000),
      effectiveUntil: Timestamp(microseconds: (until ?? from + 60) * 1_000_000),
      effectiveFor: .seconds(10),
      listingGap: .seconds(2)
    )
  }

  /// A code with this text that was made at this second and a fraction.
  static func code(_ number: Int, _ text: String = "x", at second: Int64? = 30) -> IssuedCode {
    Samples.code(number, value: text, createdAt: second.map { $0 * 1_000_000 + 1 })
  }

  /// So many codes without a prefix.
  static func codes(_ numbers: Range<Int>, at second: Int64? = 30) -> [IssuedCode] {
    numbers.map { code($0, at: second) }
  }

  var doubt: DoubtCase {
    DoubtCase(
      reward: Samples.reward,
      calls: calls,
      mustShow: [],
      offset: offset,
      isClockDistrusted: isClockDistrusted,
      now: Timestamp(microseconds: 0),
      isRestored: isRestored
    )
  }

  func listing(_ codes: [IssuedCode]) -> Listing {
    let plan = ListingPlan(doubt)
    return Listing(
      id: ListingID(Samples.id(5)),
      codes: codes.map(plan.found),
      nulls: nulls,
      evidence: evidence,
      reference: reference,
      date: date
    )
  }

  /// What one listing decides while every call may still take effect.
  func atOnce(_ codes: [IssuedCode]) -> DoubtDecision {
    let listing = listing(codes)
    return DoubtDecision(doubt, listing, Attribution.judge(doubt, listing, past: []))
  }

  /// What one listing decides that began when no call could take effect any more.
  func once(_ codes: [IssuedCode]) -> DoubtDecision {
    let listing = listing(codes)
    return DoubtDecision(doubt, listing, Attribution.judge(doubt, listing, past: past))
  }

  /// What a second listing decides that shows the same.
  func twice(_ codes: [IssuedCode]) -> DoubtDecision {
    after(codes, codes)
  }

  /// What a second listing decides after a first.
  func after(_ first: [IssuedCode], _ second: [IssuedCode]) -> DoubtDecision {
    let earlier = Attribution.judge(doubt, listing(first), past: past)
    let listing = listing(second)
    return DoubtDecision(
      doubt,
      listing,
      Attribution.judge(doubt, listing, past: past, earlier: Set(earlier.map(\.sighting)))
    )
  }

  private var past: Set<CallID> { Set(calls.map(\.call.id)) }
}

extension Evidence {
  /// Witnesses with the texts and times of their answers.
  static let agreeing = Evidence(witnesses: 9, timesAgree: 9)

  /// The same of witnesses whose texts begin with these prefixes.
  static func literal(_ prefixes: Set<String>) -> Evidence {
    Evidence(witnesses: 9, timesAgree: 9, literalPrefixes: prefixes)
  }
}

extension DoubtDecision {
  /// How many codes the call of each job was given.
  var given: [Int64: Int] {
    Dictionary(uniqueKeysWithValues: adopted.map { ($0.call.job.number, $0.codes.count) })
  }

  /// The numbers of the codes that the call of each job was given.
  var codes: [Int64: Set<Int>] {
    Dictionary(
      uniqueKeysWithValues: adopted.map {
        ($0.call.job.number, Set($0.codes.map { Int($0.id.bits) - 1000 }))
      }
    )
  }
}
