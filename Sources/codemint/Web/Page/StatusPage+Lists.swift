import Foundation

// The lists of the page: jobs, and what one may want to know beside them.
extension StatusPage {
  var jobs: HTML {
    let shown = facts.jobs.filter(filter.accepts)
    let open = shown.filter { !$0.isFinished }.sorted { ($0.rank, $0.id) < ($1.rank, $1.id) }
    let finished = shown.filter(\.isFinished)
    let list: HTML =
      open.isEmpty
      ? "<p>\(filter == Filter() ? "No open jobs." : "No such open jobs.")</p>"
      : "<ul id=\"job-list\" class=\"cards\">\(HTML(open.map(card)))</ul>"
    return HTML.section("jobs", "Jobs", "\(filters)\(extent)\(list)")
      + (finished.isEmpty ? .nothing : HTML.section("finished", "Finished", table(of: finished)))
  }

  /// How many open jobs there are beside those that are shown.
  private var extent: HTML {
    let known = facts.jobs.count { !$0.isFinished }
    guard facts.counts.open > known else { return .nothing }
    let all = facts.counts.open > 1000 ? "over 1000" : "\(facts.counts.open)"
    return """
      <p class="soft">\(known) of \(all) open jobs are here: those that are held, that run, and that come next. \
      codemint status shows the others.</p>
      """
  }

  private var filters: HTML {
    let links = ([nil] + Filter.states.map(Optional.some)).map { state -> HTML in
      let address = state.map { "?state=\($0.replacing(" ", with: "+"))" } ?? "./"
      return """
        <a href="\(address)"\(filter.state == state ? " aria-current=\"true\"" : nil)>\(state ?? "all")</a>
        """
    }
    return """
      <nav aria-label="Which jobs" class="row">\(HTML(links))<label class="search">Search \
      <input type="search" id="search" value="\(filter.text ?? "")"></label></nav>
      """
  }

  private func card(_ job: LedgerReport.Job) -> HTML {
    let look = job.look
    let tags = HTML(job.states.map { HTML.tag($0, look) })
    let numbers = [
      job.timeLeft.map { "about \($0) left" },
      job.outstanding > 0 ? "\(job.outstanding) requested" : nil,
      job.surplus > 0 ? "\(job.surplus) surplus" : nil,
      job.syncErrors.flatMap {
        $0 > 0 ? "\($0 >= 100 ? "100 or more" : "\($0)") refused by other systems" : nil
      },
    ].compactMap(\.self)
    let isRunning = job.state == "running" && look == .good
    return """
      <li class="\(look.rawValue)" data-key="\(job.id)"><div class="row"><a href="jobs/\(job.id)"><strong>Job \
      \(job.id)</strong></a><span class="row">\(tags)</span><span class="push">\(job.issued) of \(job.count) \
      codes</span></div><progress class="\(look.rawValue)" max="\(job.count)" value="\(job.issued)" \
      aria-label="Job \(job.id): codes issued"></progress>\
      <p>\(isRunning ? "" : job.explanation)</p>\
      <p class="soft">\((job.names + numbers).joined(separator: ", ")), inserted \(HTML.time(job.createdAt))\
      \(job.startedAt.map { ", begun \(HTML.time($0))" as HTML })</p></li>
      """
  }

  private func table(of jobs: [LedgerReport.Job]) -> HTML {
    HTML.table(
      "Finished jobs",
      heads: ["Job", "State", "Codes", "Known by", "Finished", "Error"],
      rows: jobs.map { job in
        [
          "<a href=\"jobs/\(job.id)\">\(job.id)</a>", HTML.tag(job.state, job.look),
          "\(job.issued) of \(job.count)", "\(job.names.joined(separator: ", "))",
          HTML.time(job.finishedAt ?? ""), "\(job.explanation)",
        ]
      }
    )
  }

  /// Calls that codemint is looking into; those that a person has to decide stand above.
  var doubts: HTML {
    let own = facts.doubts.filter { $0.heldAt == nil }
    guard !own.isEmpty else { return .nothing }
    let items = own.map { doubt -> HTML in
      """
      <li data-key="\(doubt.callId)"><div class="row"><strong><a href="jobs/\(doubt.jobId)">Job \(doubt.jobId)\
      </a>, \(doubt.size) codes</strong>\(HTML.tag("being checked", .wait))<span class="push soft">for \
      \(Self.duration(Double(doubt.seconds)))</span></div><p class="soft">call \(doubt.callId): \(doubt.seen)</p></li>
      """
    }
    return HTML.section(
      "doubts",
      "Calls in doubt",
      """
      <p>These requests got no clear answer. codemint is checking whether they made codes.</p>\
      <ul class="cards">\(HTML(items))</ul>
      """
    )
  }

  /// Rewards that other systems have not taken, and that codemint still follows.
  var sync: HTML {
    let own = facts.sync.filter { $0.givenUpAt == nil }
    guard !own.isEmpty else { return .nothing }
    let items = own.map { problem -> HTML in
      let words = [
        "\(problem.codes >= 100 ? "100 or more" : "\(problem.codes)") codes",
        problem.error.map { "error: \($0)" },
        problem.resyncs > 0 ? "copy requested \(problem.resyncs) time(s)" : nil,
        problem.requestError.map { "request failed: \($0)" },
        problem.nextPassAt.map { "next check at \($0.asTime)" },
      ].compactMap(\.self)
      return """
        <li data-key="\(problem.rewardId) \(problem.system ?? "")"><div class="row"><strong>\
        \(problem.system.map { "Refused by \($0)" } ?? "Pending for a long time")</strong>\
        \(HTML.tag("tracked", .wait))</div><p class="soft">reward \(problem.rewardId), \
        \(words.joined(separator: ", "))</p></li>
        """
    }
    return HTML.section(
      "sync",
      "Sync problems",
      """
      <p>Other systems have not taken codes of these rewards, or their state cannot be read. codemint goes on by \
      itself. The view codemint.sync_problems has all problems.</p><ul class="cards">\(HTML(items))</ul>
      """
    )
  }

  var contradictions: HTML {
    let own = facts.api.filter { $0.state == "contradicted" }
    guard !own.isEmpty else { return .nothing }
    return HTML.section(
      "contradictions",
      "The API contradicts itself",
      """
      <p>The API has changed its behaviour, or does now one thing and now another. Ask its vendor. These entries \
      go a week after the last change.</p>\(list(of: own))
      """
    )
  }

  var apiFacts: HTML {
    let own = facts.api.filter { $0.state != "contradicted" }
    guard !own.isEmpty else { return .nothing }
    return HTML.section(
      "api",
      "What the API does",
      "<p>codemint has seen this in the API's answers and lists.</p>\(list(of: own))"
    )
  }

  private func list(of facts: [LedgerReport.Fact]) -> HTML {
    let items = facts.map { fact -> HTML in
      """
      <li><div class="row"><strong>\(fact.seen)</strong>\
      \(HTML.tag(fact.state, fact.state == "as documented" ? .good : .wait))<span class="push soft">\
      \(fact.witnesses) codes</span></div><p class="soft">\(fact.means ?? "") since \
      \(HTML.time(fact.firstSeenAt)), last seen \(HTML.time(fact.lastSeenAt))</p></li>
      """
    }
    return "<ul class=\"cards\">\(HTML(items))</ul>"
  }

  var webhooks: HTML {
    guard !facts.webhooks.isEmpty else { return .nothing }
    let table = HTML.table(
      "Webhooks",
      heads: ["Name", "State", "Waiting", "Oldest", "Dead letters", "Last taken", "Host", "Error"],
      rows: facts.webhooks.map { webhook in
        [
          "\(webhook.webhook)", HTML.tag(webhook.state, webhook.look), "\(webhook.waiting)",
          webhook.oldestEventAt.map(HTML.time) ?? .nothing, "\(webhook.dead)",
          webhook.lastSuccessAt.map(HTML.time) ?? "never", "\(webhook.host)",
          "\(webhook.trouble ?? "")",
        ]
      }
    )
    return HTML.section("webhooks", "Webhooks", table)
  }

  var workers: HTML {
    let items = facts.workers.map { worker -> HTML in
      """
      <li><div class="row"><strong>\(worker.host)</strong><span class="soft">process \(worker.process), version \
      \(worker.version)\(worker.draining ? ", stopping" : "")</span><span class="push soft">since \
      \(HTML.time(worker.startedAt))</span></div></li>
      """
    }
    let list: HTML = items.isEmpty ? "<p>None.</p>" : "<ul class=\"cards\">\(HTML(items))</ul>"
    return HTML.section("workers", "Daemons", list)
  }

  /// A length of time in its two largest units.
  private static func duration(_ seconds: Double) -> String {
    let s = Int(max(0, min(seconds, 1e9)).rounded())
    if s < 60 { return "\(s) s" }
    if s < 3600 { return "\(s / 60) min \(s % 60) s" }
    if s < 86400 { return "\(s / 3600) h \(s % 3600 / 60) min" }
    return "\(s / 86400) d \(s % 86400 / 3600) h"
  }
}

extension LedgerReport.Job {
  /// Held jobs come first, then those that run, then those that wait.
  fileprivate var rank: Int {
    held || isStuck ? 0 : state == "queued" ? 2 : 1
  }
}

extension LedgerReport.Webhook {
  fileprivate var look: HTML.Look {
    switch state {
    case "well", "sending": .good
    case "failing": .wait
    default: .bad
    }
  }
}

extension HTML {
  fileprivate static func + (one: HTML, other: HTML) -> HTML { HTML([one, other]) }
}
