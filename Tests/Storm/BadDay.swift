import Sandbox

/// How the API misbehaves during a storm: everything that can leave a request's outcome unknown, and
/// a list that is not to be relied on.
///
/// Codes of somebody else are not among it: nobody can tell them from ours, so there would be no truth
/// to compare with.
enum BadDay {
  static func plan(seed: UInt64) -> FaultPlan {
    FaultPlan(
      seed: seed,
      rules: generate.map { FaultRule(.generate, $0.fault, probability: $0.share) }
        + list.map { FaultRule(.list, $0.fault, probability: $0.share) }
    )
  }

  private static let generate: [(share: Double, fault: Fault)] = [
    (0.04, .latency(seconds: 1, jitter: 1)),
    (0.02, .unknownValues(count: 20)),
    (0.02, .extraFields(count: 20)),
    // Answers that are not what was asked for.
    (0.006, .nulls(count: 3, made: true)),
    (0.006, .nulls(count: 3, made: false)),
    (0.006, .short(by: 4, made: true)),
    (0.008, .short(by: 4, made: false)),
    (0.006, .long(by: 3)),
    (0.008, .doubled(count: 3)),
    (0.006, .doubled(count: 3, instead: true)),
    (0.004, .foreign(count: 2)),
    // Endings that prove that nothing was made, or nothing at all.
    (0.010, .status(429, retryAfter: RetryAfter(.seconds, seconds: 1))),
    (0.004, .status(429, retryAfter: RetryAfter(.imfFixdate, seconds: 2))),
    (0.010, .status(500)),
    (0.010, .status(502, made: .all)),
    (0.004, .status(503, made: .part(7))),
    (0.004, .status(408)),
    (0.004, .status(409, made: .all)),
    (0.004, .status(303, made: .all)),
    (0.008, .reset(at: .beforeRequestBody)),
    (0.008, .reset(at: .beforeAnswer)),
    (0.010, .reset(at: .beforeAnswer, made: .all)),
    (0.006, .reset(at: .afterHead, made: .all)),
    (0.006, .reset(at: .inBody, made: .all, abrupt: false)),
    (0.006, .reset(at: .afterAnswer, made: .all)),
    (0.006, .hang()),
    (0.010, .hang(made: .all)),
    (0.006, .generateLate(seconds: 1)),
    // Later than a call may take effect: it will have been judged absent, and its codes are surplus.
    (0.003, .generateLate(seconds: 25)),
    (0.008, .cut()),
    (0.006, .cut(complete: false)),
    (0.004, .html()),
    (0.006, .drip(bytes: 20_000, everySeconds: 0.05)),
    (0.001, .flood(bytes: 20_000_000)),
  ]

  // A listing has many pages, and one that fails makes the whole of it worthless.
  private static let list: [(share: Double, fault: Fault)] = [
    (0.05, .latency(seconds: 0.2, jitter: 0.5)),
    (0.03, .stale(seconds: 2)),
    (0.005, .stale(seconds: 3, age: true)),
    (0.01, .order(.ascending)),
    (0.008, .order(.shuffled)),
    (0.03, .shortPage(limit: 200)),
    (0.01, .doubled(count: 5)),
    (0.001, .nulls(count: 1)),
    (0.01, .status(503)),
    (0.005, .status(429, retryAfter: RetryAfter(.seconds, seconds: 1))),
    (0.008, .reset(at: .beforeAnswer)),
    (0.008, .cut()),
    (0.004, .hang()),
    (0.004, .html(status: 200)),
  ]
}
