import OneOfNone
import Provisioning
import Sandbox

/// Reads from the sights of a probe what the API is like. It is pure: the same sights give the same lines.
struct ProbeReading {
  let settings: Settings
  let found: Probe.Sightings
  let spent: SpentCodes?
  private(set) var lines: [ProbeReport.Line] = []
  private(set) var like = ProbeReport.Likeness()
  /// What the ledger has a place for.
  private(set) var facts: [Fact] = []

  /// A row for `codemint.observed_facts`.
  struct Fact: Equatable {
    let fact: String
    let value: String
    let witnesses: Int
  }

  init(_ found: Probe.Sightings, _ spent: SpentCodes?, settings: Settings) {
    self.found = found
    self.spent = spent
    self.settings = settings
    readTransport()
    readPace()
    readPages()
    readTimes()
    readFields()
    readErrors()
    if let spent { read(spent) }
  }

  /// Adds a line. It differs if `unlike` is not nil, which is what it means then.
  mutating func line(
    _ subject: String,
    _ assumed: String,
    seen: String?,
    unlike: String? = nil,
    set setting: String? = nil
  ) {
    lines.append(
      ProbeReport.Line(
        subject: subject,
        assumed: assumed,
        seen: seen,
        differs: unlike != nil,
        means: unlike,
        setting: setting
      )
    )
  }

  mutating func likewise(_ endpoint: FaultRule.Endpoint, _ fault: Fault) {
    like.plan.rules.append(FaultRule(endpoint, fault))
  }

  mutating func fact(_ fact: String, _ value: String, witnesses: Int) {
    facts.append(Fact(fact: fact, value: value, witnesses: witnesses))
  }

  // MARK: Requests

  private var all: [Sight] { Array(found.sights.values) }

  private mutating func readTransport() {
    let team = found.sights[.team]
    line(
      "key",
      "GET /v1/team answers 200",
      seen: team.map { $0.status.map { "\($0)" } ?? $0.cause ?? "no answer" },
      unlike: team.flatMap { $0.status == 200 ? nil : "The key cannot be checked without risk." }
    )
    let versions = Set(all.compactMap(\.httpVersion)).sorted().joined(separator: ", ")
    let isTLS = settings.api.baseURL.lowercased().hasPrefix("https")
    line(
      "transport",
      "TLS 1.2 or later with a verified certificate, HTTP/1.1",
      seen: versions.isEmpty
        ? nil
        : "\(isTLS ? "TLS 1.2 or later, certificate verified" : "no TLS, on this machine"), \(versions)",
      unlike: versions.isEmpty || versions == "HTTP/1.1"
        ? nil : "Each request may need a connection of its own."
    )
    readLatency()
    readDate()
  }

  private mutating func readLatency() {
    let times = all.filter { $0.status != nil }.map(\.duration).sorted()
    guard let least = times.first, let most = times.last else { return }
    like.latency = Int(least.milliseconds)
    like.jitter = Int((most - least).milliseconds)
    let timeout = settings.api.timeout
    line(
      "latency",
      "answers come well within api.timeout_seconds (\(Setting.plain(timeout.seconds)))",
      seen:
        "half of \(times.count) answers within \(times[times.count / 2].milliseconds) ms, the longest "
        + "after \(most.milliseconds) ms",
      unlike: most * 2 > timeout
        ? "An answer that comes too late leaves its call in doubt." : nil,
      set: most * 2 > timeout
        ? "raise api.timeout_seconds to \(Int((most * 4).seconds.rounded(.up))) or more" : nil
    )
  }

  private mutating func readDate() {
    let pages = found.pages
    guard !pages.isEmpty else { return }
    let dated = pages.filter { $0.date != nil }
    guard !dated.isEmpty else {
      line(
        "Date",
        "each answer has a Date",
        seen: "no page has one",
        unlike: "The API's clock is known only from codes of clean answers."
      )
      return likewise(.list, .date(missing: true))
    }
    // The clock was read between sending and receiving, and cut to a second.
    let least = dated.map { Self.seconds($0.date) - Self.seconds($0.receivedAt) }.max() ?? 0
    let most =
      dated.map { Self.seconds($0.date) + 1 - Self.seconds($0.receivedAt) + $0.duration.seconds }
      .min() ?? 0
    let offset = Self.plainest(from: least, to: most)
    line(
      "Date",
      "the API's clock and this machine's agree within 2 seconds",
      seen: abs(offset) <= 2
        ? "they agree" : "the API's clock is \(Setting.plain(offset)) seconds ahead",
      unlike: abs(offset) > 2
        ? "codemint corrects times by what it measures. Check that this machine's clock is synchronised."
        : nil
    )
    if abs(offset) > 2 { likewise(.list, .date(offset: offset)) }
  }

  private static func seconds(_ time: Timestamp?) -> Double {
    Double(time?.microseconds ?? 0) / 1e6
  }

  /// The plainest number in a range: none, hours, minutes, seconds.
  static func plainest(from least: Double, to most: Double) -> Double {
    if least <= 0, most >= 0 { return 0 }
    for unit in [900.0, 60, 1] {
      let number = (least / unit).rounded(.up) * unit
      if number <= most { return number }
    }
    return ((least + most) / 2).rounded()
  }

  private mutating func readPace() {
    let pages = found.pages
    guard !pages.isEmpty else { return }
    var headers: [String: String] = [:]
    for page in pages { headers.merge(page.headers) { $1 } }
    headers["retry-after"] = nil
    if headers.removeValue(forKey: "age") != nil {
      line(
        "caches",
        "no cache answers for the API",
        seen: "pages have an Age",
        unlike: "A cache is in between. A page that is older than its request counts for nothing."
      )
      likewise(.list, .headers(set: ["age": "0"]))
    } else {
      line("caches", "no cache answers for the API", seen: "no page has an Age")
    }
    let rate = settings.limits.requestsPerSecond
    let allowed = all.flatMap { [$0.allowedPerSecond, $0.feedback?.ceiling] }.compactMap(\.self)
      .min()
    if let allowed { fact("rate_limit", Setting.plain(allowed), witnesses: 1) }
    let isFast = allowed.map { $0 < rate } ?? false
    line(
      "rate limit",
      "limits.requests_per_second (\(Setting.plain(rate))) is allowed",
      seen: headers.isEmpty
        ? "no answer names a limit"
        : headers.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value)" }.joined(
          separator: ", "
        ),
      unlike: isFast
        ? "The API allows less than the settings. It will refuse requests with 429." : nil,
      set: isFast
        ? allowed.map {
          "set limits.requests_per_second to \(Setting.plain(($0 * 100).rounded(.down) / 100))"
        }
        : nil
    )
    if !headers.isEmpty { likewise(.list, .headers(set: headers)) }
  }

  // MARK: Errors

  private mutating func readErrors() {
    readError(.unknownReward, "unknown reward", "404 with a code and a message", [404])
    readError(.invalidCount, "invalid count", "400 with a code and a message", [400])
  }

  private mutating func readError(
    _ purpose: Probe.Purpose,
    _ subject: String,
    _ assumed: String,
    _ statuses: [Int]
  ) {
    guard let sight = found.sights[purpose], let status = sight.status else { return }
    // The count of a request for a reward that does not exist may never be looked at.
    guard purpose != .invalidCount || status != 404 else {
      return line(subject, assumed, seen: nil)
    }
    line(
      subject,
      assumed,
      seen: ["\(status)", sight.error].compactMap(\.self).joined(separator: " "),
      unlike: statuses.contains(status) && sight.isErrorDocumented ? nil : Self.means(status)
    )
  }

  /// What it means that a request that has to be refused is answered in another way.
  private static func means(_ status: Int) -> String {
    switch status {
    case 200...299: "A mistake in a reward's id may go unnoticed."
    case 400, 404, 405, 410, 413, 415, 422:
      "It is understood as a refusal, but its text may be missing in errors of jobs."
    default: "codemint does not take this status for a refusal. Such a call will be in doubt."
    }
  }
}
