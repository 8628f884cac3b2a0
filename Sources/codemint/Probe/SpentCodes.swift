import Ledger
import OneOfNone
import Postgres
import Provisioning
import Sandbox

/// Codes that a probe spent, as their answers showed them and as the list does.
struct SpentCodes: Sendable {
  /// The jobs that asked for them.
  var jobs: [JobStatus] = []
  /// The statuses of the answers to their calls.
  var statuses: [String] = []
  /// How answers to calls and lists differed from the API's documents, as daemons noticed it.
  var differences: [String] = []
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
  /// Who inserted the jobs, in their metadata.
  private static let name = "codemint probe"

  /// The jobs of a probe: without a prefix, with letters, and with a hyphen and both cases. Two of them ask
  /// for one code, the last for the rest.
  static func requests(_ reward: RewardID, codes: Int) -> [JobRequest] {
    let prefixes: [String?] = [nil, plainPrefix, mixedPrefix].suffix(min(3, codes))
    return prefixes.enumerated().map { place, prefix in
      JobRequest(
        reward: reward.description,
        count: Int32(place == prefixes.count - 1 ? codes - place : 1),
        prefix: prefix,
        metadata: #"{"inserted_by": "\#(name)"}"#
      )
    }
  }

  /// Spends the codes. What is known so far is in `spent`, also if it throws.
  ///
  /// One job after the other: a ledger that no answer of the API has reached sends one small job by itself, and its
  /// first answer accepts the API. So whoever says that these codes may be spent need not say it twice. If other jobs
  /// wait, an operator has to accept the API, because all of them would be bought.
  func run(_ codes: Int, _ spent: inout SpentCodes) async throws {
    var jobs: [Int64] = []
    do {
      try await spend(codes, &jobs)
    } catch {
      await learn(jobs, &spent)
      throw error
    }
    await learn(jobs, &spent)
    try await look(&spent)
  }

  private func spend(_ codes: Int, _ jobs: inout [Int64]) async throws {
    try await checkDaemons()
    if let job = try await facts.doubtfulJob(insertedBy: Self.name) {
      jobs = [job]
      let wait = try await facts.wait(of: job)
      throw CommandError(
        .failed,
        "nothing more was spent, because what became of codes of a probe before is not known: "
          + (wait.map(\.words) ?? "see codemint why \(job)")
      )
    }
    for request in Self.requests(reward, codes: codes) {
      let job = try await queries.enqueue(request).job
      jobs.append(job)
      Complaint.say("codemint: inserted job \(job); it goes on if the probe ends early")
      try await follow(job)
    }
  }

  private func checkDaemons() async throws {
    let account = try await queries.account()
    guard account.workers > 0 else {
      throw CommandError(
        .unavailable,
        "no daemon is running, so nobody would do the probe's jobs",
        remedy: "start codemint run, then probe again"
      )
    }
    if account.state == "unaccepted" {
      throw CommandError(
        .unavailable,
        "no job was inserted, because others wait that would be bought as well: "
          + (account.message ?? "run codemint accept-api if they may be")
      )
    }
  }

  /// Waits until a job has ended, and says what it waits for if that takes long.
  /// - Throws: `CommandError` if a person has to decide before the job can go on.
  private func follow(_ job: Int64) async throws {
    let start = ContinuousClock.now
    var said: String?
    var stop: CommandError?
    try await JobWatch(queries: queries, output: .standardError).follow([job]) {
      guard let wait = try await facts.wait(of: job) else { return false }
      if wait.needsDecision {
        stop = CommandError(wait.reason == "blocked" ? .noPermission : .failed, wait.words)
      } else if said != wait.reason, ContinuousClock.now - start > .seconds(3) {
        said = wait.reason
        Complaint.say("codemint: \(wait.words.onOneLine)")
      }
      return stop != nil
    }
    if let stop { throw stop }
  }

  /// Learns what the ledger knows of these jobs. Who is interrupted is told that as well.
  private func learn(_ jobs: [Int64], _ spent: inout SpentCodes) async {
    guard !jobs.isEmpty else { return }
    let before = spent
    spent = await Task {
      var spent = before
      do {
        spent.jobs = try await queries.status(of: jobs)
        spent.answered = try await facts.codes(of: jobs)
        (spent.statuses, spent.differences) = try await facts.answers(to: jobs)
      } catch {
        Complaint.say("codemint: what became of the jobs is not known: \("\(error)".onOneLine)")
      }
      return spent
    }.value
  }

  private var queries: JobQueries { JobQueries(pool: pool) }
  private var facts: APIFactQueries { APIFactQueries(pool: pool) }

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

  /// What became of a prefix, in words, and what comes nearest to it in the stand-in; nil if no code tells.
  var prefixChange: (words: String, form: PrefixForm)? {
    let prefix = SpendingProbe.mixedPrefix
    let codes = answered.filter { $0.prefix == prefix }.map(\.code)
    guard !codes.isEmpty else { return nil }
    let plain = prefix.filter { $0.isLetter || $0.isNumber }
    let shapes: [(words: String, form: PrefixForm, text: String)] = [
      ("as it is", .literal, prefix),
      ("in upper case", .upper, prefix.uppercased()),
      ("in lower case", .lower, prefix.lowercased()),
      ("without punctuation", .plain, plain),
      ("in upper case and without punctuation", .upperPlain, plain.uppercased()),
      ("in lower case and without punctuation", .lowerPlain, plain.lowercased()),
    ]
    if let shape = shapes.first(where: { shape in codes.allSatisfy { $0.hasPrefix(shape.text) } }) {
      return ("codes begin with it \(shape.words)", shape.form)
    }
    // One character may be there by chance.
    for length in (2..<prefix.count).reversed() {
      for shape in shapes
      where length < shape.text.count
        && codes.allSatisfy({ $0.hasPrefix(shape.text.prefix(length)) })
      {
        return ("only its first \(length) characters are left, \(shape.words)", .cut(length))
      }
    }
    if let shape = shapes.first(where: { shape in codes.allSatisfy { $0.contains(shape.text) } }) {
      return ("codes contain it \(shape.words), but do not begin with it", .dropped)
    }
    return ("it is not there", .dropped)
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
