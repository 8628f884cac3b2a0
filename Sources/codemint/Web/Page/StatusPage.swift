import Foundation

/// The status page as HTML. It needs no script: page.js only keeps it up to date, and searches in it.
struct StatusPage {
  let facts: LedgerReport.Page
  /// The codes of each minute of the last half hour; empty if they are not known.
  let minutes: [Int]
  let filter: Filter
  /// The host of the API.
  let api: String

  /// Which jobs are shown.
  struct Filter: Hashable, Sendable {
    /// One of `states`, or nil for all.
    var state: String?
    /// Part of what is shown of a job.
    var text: String?

    static let states = ["needs you", "held", "running", "queued", "paused", "finished"]

    func accepts(_ job: LedgerReport.Job) -> Bool {
      let isInState =
        switch state {
        case "needs you": job.isStuck
        case "held": job.held && !job.isFinished
        case "running": job.state == "running" || job.state == "ending"
        case "queued": job.state == "queued"
        case "paused": job.paused && !job.isFinished
        case "finished": job.isFinished
        default: true
        }
      guard isInState, let text, !text.isEmpty else { return isInState }
      let shown = ["\(job.id)", job.rewardId, job.explanation] + job.names + job.states
      return shown.contains { $0.localizedCaseInsensitiveContains(text) }
    }
  }

  /// The document.
  func document(asOf: String) -> HTML {
    Self.document(
      title: title,
      level: facts.verdict.level,
      root: "",
      body: """
        <header><h1>codemint</h1>\(Self.asOf(asOf))</header>\(content)
        """
    )
  }

  /// A document around the content of a page.
  /// - Parameter root: The way from the page to `/`.
  static func document(title: String, level: String, root: String, body: HTML) -> HTML {
    """
    <!doctype html>
    <html lang="en"><head><meta charset="utf-8">\
    <meta name="viewport" content="width=device-width, initial-scale=1">\
    <meta name="color-scheme" content="light dark"><title>\(title)</title>\
    <link rel="icon" id="icon" href="\(root)icon/\(level.slug).svg">\
    <link rel="stylesheet" href="\(root)page.css"><script src="\(root)page.js" defer></script>\
    <noscript><meta http-equiv="refresh" content="10"></noscript></head>\
    <body><a class="skip" href="#main">Skip to the content</a>\(body)</body></html>
    """
  }

  /// When the data were true.
  static func asOf(_ iso: String) -> HTML {
    "<p id=\"asof\">as of \(HTML.time(iso)) <span class=\"soft\">\(String(iso.dropFirst(19)))</span></p>"
  }

  /// The title, which the tab shows.
  var title: String { "\(facts.verdict.level.mark) \(facts.verdict.words) - codemint" }

  /// What changes: everything but the time. page.js puts it in place of the present content.
  var content: HTML {
    let level = facts.verdict.level
    return """
      <main id="main" tabindex="-1" data-title="\(title)" data-level="\(level.slug)">\
      <p class="soft">database \(facts.database), API \(api), \(daemons)\(sandbox)</p>\
      <p id="verdict" class="verdict \(level.slug)" role="status">\(facts.verdict.words)</p>\
      \(needs)\(numbers)\(jobs)\(doubts)\(sync)\(contradictions)\(webhooks)\(workers)\(apiFacts)</main>
      """
  }

  /// Nobody shall take a stand-in's codes for real ones.
  private var sandbox: HTML {
    facts.account?.isStandIn == true ? " \(HTML.tag("SANDBOX", .wait))" : .nothing
  }

  private var daemons: String {
    let versions = Set(facts.workers.map(\.version)).sorted()
    guard !versions.isEmpty else { return "no daemon" }
    return "\(facts.workers.count) daemon(s) of version \(versions.joined(separator: " and "))"
  }

  private var needs: HTML {
    guard !facts.needsYou.isEmpty else { return .nothing }
    let doubts = Dictionary(grouping: facts.doubts, by: \.jobId)
    let items = facts.needsYou.map { need -> HTML in
      let subject: HTML =
        need.jobId.map { "<a href=\"jobs/\($0)\">\(need.subject)</a>" } ?? "\(need.subject)"
      let decisions: HTML =
        need.kind == "decision"
        ? HTML(
          (need.jobId.flatMap { doubts[$0] } ?? []).filter { need.why.contains($0.callId) }.map(
            \.decision
          )
        )
        : .nothing
      return """
        <li class="bad" data-key="\(need.kind) \(need.subject) \(need.command)"><div class="row"><strong>\
        \(subject)</strong>\(HTML.tag(need.kind, .bad))<span class="push soft">\
        \(need.since.map { "since \(HTML.time($0))" as HTML })</span></div><p>\(need.why)</p>\(decisions)\
        \(HTML.command(need.command))\(HTML.command(need.whatToDo))</li>
        """
    }
    return HTML.section("needs", "Needs you", "<ul class=\"cards\">\(HTML(items))</ul>")
  }

  private var numbers: HTML {
    let counts = facts.counts
    let queued = counts.open > 1000 ? counts.open : max(0, counts.open - counts.running)
    let account = facts.account
    return HTML.section(
      "numbers",
      "Now",
      """
      \(HTML.facts([
        ("Held", "\(counts.held.atMost)"), ("Running", "\(counts.running.atMost)"),
        ("Waiting", "\(queued.atMost)"), ("Paused", "\(counts.paused.atMost)"),
        ("Pace", "\(pace)"),
        ("In flight", account.map { "\($0.inFlight) of \($0.maxInFlight.map(String.init) ?? "?")" }),
        ("API", account?.apiWords.map { "\($0)" }),
        ("Codes left today", account?.codesLeftToday.map { "\($0)" }),
      ]))\(sparkline)
      """
    )
  }

  private var pace: String {
    guard let limit = facts.account?.requestsPerSecond else { return "no daemon has started yet" }
    let text = "\(Setting.plain(limit)) requests/s"
    guard let now = facts.account?.currentRequestsPerSecond, now < limit else { return text }
    return "\(Setting.plain((now * 100).rounded() / 100)) of \(text)"
  }

  /// Codes per minute. The present minute is not over, so its piece of the line is a dashed one.
  private var sparkline: HTML {
    guard minutes.count > 2, let most = minutes.max(), let present = minutes.last else {
      return .nothing
    }
    let last = minutes[minutes.count - 2]
    let points = minutes.enumerated().map { place, codes in
      "\(place * 300 / (minutes.count - 1)),\(38 - codes * 36 / max(1, most))"
    }
    let words = """
      Codes per minute in the last half hour: \(last) in the last full minute, \(present) so far in this one, \
      \(most) at most
      """
    return """
      <figure class="spark"><svg viewBox="0 0 300 40" role="img" aria-label="\(words)" \
      preserveAspectRatio="none"><polyline points="\(points.dropLast().joined(separator: " "))"></polyline>\
      <polyline class="present" points="\(points.suffix(2).joined(separator: " "))"></polyline></svg>\
      <figcaption class="soft">\(words)</figcaption></figure>
      """
  }
}

extension LedgerReport.PageDoubt {
  /// What a person has to know to decide.
  fileprivate var decision: HTML {
    HTML.facts([
      ("Look at the vendor for", lookFor.map { "\($0)" }), ("adopt", adoptMeans.map { "\($0)" }),
      ("absent", absentMeans.map { "\($0)" }),
    ])
  }
}

extension Int {
  /// The number, or that there are more than are counted.
  fileprivate var atMost: String { self > 1000 ? "over 1000" : "\(self)" }
}

extension String {
  /// A level of the verdict as a part of a name.
  var slug: String { replacing(" ", with: "-") }

  /// The level of a verdict as one character, for a tab.
  var mark: String {
    switch self {
    case "well": "\u{2713}"
    case "waiting": "\u{2026}"
    case "needs you": "!"
    default: "\u{2717}"
    }
  }
}
