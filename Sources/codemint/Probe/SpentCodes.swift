import Ledger
import OneOfNone
import Postgres
import Provisioning
import Sandbox

/// Codes that a probe spent, as their answers showed them and as the list does.
struct SpentCodes: Sendable {
  /// The jobs that asked for them.
  var jobs: [JobStatus] = []
  /// The codes as their answers showed them.
  var answered: [AnsweredCode] = []
  /// The same codes as the list shows them.
  var listed: [CodeID: IssuedCode] = [:]
  /// How old the newest of the codes was when the last list was asked for that lacked one, and when the
  /// first was asked for that lacked none.
  var lacking: Duration?
  var complete: Duration?
  /// Whether the list was given up because of its length.
  var isListTooLong = false

  /// Codes that came in answers.
  var count: Int { answered.count }

  /// Pairs of a code in its answer and in the list.
  var pairs: [(answered: AnsweredCode, listed: IssuedCode)] {
    answered.compactMap { code in listed[code.id].map { (code, $0) } }
  }
}

/// Spends codes through the ledger, as jobs like any other, and looks for them in the list. A daemon does
/// the jobs, so nothing is outside the promise: if the probe ends early, the jobs go on.
struct SpendingProbe {
  let reward: RewardID
  let client: APIClient
  let pool: Pool
  let pace: RequestPace
  /// How long the list may take to show the codes.
  let patience: Duration

  /// A prefix with a letter of each case and a hyphen, so that each way of changing it shows.
  static let mixedPrefix = "Pro-be"
  private static let plainPrefix = "PROBE"

  /// The jobs of a probe: without a prefix, with letters, and with a hyphen and both cases. Two of them ask
  /// for one code, the last for the rest.
  static func requests(_ reward: RewardID, codes: Int) -> [JobRequest] {
    let prefixes: [String?] = [nil, plainPrefix, mixedPrefix].suffix(min(3, codes))
    return prefixes.enumerated().map { place, prefix in
      JobRequest(
        reward: reward.description,
        count: Int32(place == prefixes.count - 1 ? codes - place : 1),
        prefix: prefix,
        metadata: #"{"inserted_by": "codemint probe"}"#
      )
    }
  }

  /// Spends the codes. What is known so far is in `spent`, also if it throws.
  func run(_ codes: Int, _ spent: inout SpentCodes) async throws {
    let queries = JobQueries(pool: pool)
    guard try await queries.account().workers > 0 else {
      throw CommandError(
        .unavailable,
        "no daemon is running, so nobody would do the probe's jobs; start codemint run, then probe again"
      )
    }
    var jobs: [Int64] = []
    for request in Self.requests(reward, codes: codes) {
      jobs.append(try await queries.enqueue(request))
    }
    let numbers = jobs.map(String.init).joined(separator: ", ")
    Complaint.say("codemint: inserted job(s) \(numbers); they go on if the probe ends early")
    // Who is interrupted meanwhile is told of that below.
    if let account = try? await queries.account(), account.state == "unaccepted",
      let question = account.message
    {
      Complaint.say("codemint: the jobs wait: \(question)")
    }
    spent.jobs = try await JobWatch(queries: queries, output: .standardError).follow(jobs)
    spent.answered = try await APIFactQueries(pool: pool).codes(of: jobs)
    try await look(&spent)
  }

  /// Lists until every code is shown, or patience is over.
  private func look(_ spent: inout SpentCodes) async throws {
    guard let age = spent.answered.map(\.age).min() else { return }
    let start = ContinuousClock.now
    let ids = Set(spent.answered.map(\.id))
    while spent.complete == nil, !spent.isListTooLong {
      let asked = ContinuousClock.now - start + age
      try await read(ids, &spent)
      if spent.listed.count == ids.count {
        spent.complete = asked
      } else if !spent.isListTooLong {
        spent.lacking = asked
        guard asked < patience else { return }
        try await Task.sleep(for: .milliseconds(100))
      }
    }
  }

  /// Reads the list until it has shown these codes or has ended. The API may cut pages short, and may list the
  /// oldest code first.
  private func read(_ ids: Set<CodeID>, _ spent: inout SpentCodes) async throws {
    var offset = 0
    for _ in 0..<Self.mostPages {
      try await pace.wait()
      let answer = await client.list(reward, offset: offset, limit: 1000)
      try Task.checkCancellation()
      try await pace.apply(answer.feedback)
      guard case .success(let page) = answer.value, page.count > 0 else { return }
      for code in page.codes where ids.contains(code.id) { spent.listed[code.id] = code }
      if spent.listed.count == ids.count { return }
      offset += page.count
    }
    spent.isListTooLong = true
  }

  /// A list that has not shown the codes on so many pages would cost too many requests.
  private static let mostPages = 20
}

// What the codes show.
extension SpentCodes {
  /// How far answers are ahead of the database's clock, in seconds: a time zone, or whole seconds.
  var answerOffset: Double {
    let ranges = answered.compactMap { code -> (Double, Double)? in
      guard let made = code.createdAt, let sent = code.sentAt, let settled = code.settledAt else {
        return nil
      }
      let coarse = resolution(of: [made]).seconds
      return (
        Double(made.microseconds - settled.microseconds) / 1e6 - coarse,
        Double(made.microseconds - sent.microseconds) / 1e6 + coarse
      )
    }
    guard let least = ranges.map(\.0).max(), let most = ranges.map(\.1).min() else { return 0 }
    return ProbeReading.plainest(from: least, to: most)
  }

  /// How far the list is ahead of the truth.
  var listOffset: Double {
    let pairs = pairs.compactMap { pair -> Double? in
      guard let answered = pair.answered.createdAt, let listed = pair.listed.createdAt else {
        return nil
      }
      return Double(listed.microseconds - answered.microseconds) / 1e6
    }
    let coarse = max(
      resolution(of: answered.compactMap(\.createdAt)).seconds,
      resolution(of: listed.values.compactMap(\.createdAt)).seconds
    )
    guard let least = pairs.min(), let most = pairs.max() else { return answerOffset }
    return answerOffset + ProbeReading.plainest(from: most - coarse, to: least + coarse)
  }

  /// The last digit of times, as far as these times show it.
  var answerResolution: TimeForm.Resolution {
    switch resolution(of: answered.compactMap(\.createdAt)) {
    case .seconds(60): .minutes
    case .seconds(1): .seconds
    case .microseconds(1): .microseconds
    default: .milliseconds
    }
  }

  private func resolution(of times: [Timestamp]) -> Duration {
    let isMinutes = !times.isEmpty && times.allSatisfy { $0.microseconds % 60_000_000 == 0 }
    return isMinutes ? .seconds(60) : times.map(\.resolution).min() ?? .milliseconds(1)
  }

  /// What became of a prefix; nil if no form explains all codes.
  var prefixForm: PrefixForm? {
    let codes = answered.filter { $0.prefix == SpendingProbe.mixedPrefix }.map(\.code)
    guard !codes.isEmpty else { return nil }
    let prefix = SpendingProbe.mixedPrefix
    let forms: [(PrefixForm, String)] =
      [
        (.literal, prefix), (.upper, prefix.uppercased()), (.lower, prefix.lowercased()),
        (.plain, prefix.filter { $0.isLetter || $0.isNumber }),
      ]
      + (1..<prefix.count).reversed().map { (.cut($0), String(prefix.prefix($0))) }
    return forms.first { form in codes.allSatisfy { $0.hasPrefix(form.1) } }?.0 ?? .dropped
  }

  /// How the list shows texts; nil if no form explains all codes.
  var listTexts: TextForm? {
    let forms: [(TextForm, (String) -> String)] = [
      (.same, { $0 }), (.lower, { $0.lowercased() }), (.upper, { $0.uppercased() }),
      (.dashless, { $0.filter { $0 != "-" } }),
      (.masked, { String(repeating: "*", count: max(0, $0.count - 4)) + $0.suffix(4) }),
    ]
    return forms.first { _, shown in
      pairs.allSatisfy { shown($0.answered.code) == $0.listed.code }
    }?.0
  }
}
