/// The page of one job: why it waits, its calls, actions, events and sync.
struct JobPage {
  let facts: LedgerReport.Explanation

  private var job: LedgerReport.Job { facts.job }

  /// Whether it must not look green.
  private var isBad: Bool { facts.isStuck || job.state == "failed" }

  /// The document.
  var document: HTML {
    let states = job.states.joined(separator: ", ")
    return StatusPage.document(
      title: "job \(job.id): \(states) - codemint",
      level: isBad ? "needs you" : "well",
      root: "../",
      body: """
        <header><h1>Job \(job.id)</h1>\(StatusPage.asOf(facts.asOf))<p><a href="../">All jobs</a></p></header>\
        <main id="main" tabindex="-1"><p class="verdict \(isBad ? "needs-you" : "well")">\(states), \(job.issued) \
        of \(job.count) codes</p>\(why)\(doubts)\(about)\(sync)\(calls)\(actions)\
        \(events)</main>
        """
    )
  }

  private var why: HTML {
    let help = HTML(facts.commands.map { HTML.command($0) })
    return HTML.section(
      "why",
      "Why",
      """
      \(HTML.facts([
        ("Reason", "\(facts.reason)"), ("Since", facts.since.map(HTML.time)),
        ("Until", facts.waits?.until.map(HTML.time)),
        ("Last error", facts.lastError.map { "\($0)" }),
        ("What helps", facts.waits.map { "\($0.whatToDo)" }),
      ]))\(help)
      """
    )
  }

  private var doubts: HTML {
    HTML(
      facts.doubts.enumerated().map { number, doubt in
        HTML.section(
          "doubt-\(number)",
          "Call in doubt",
          HTML.facts([
            ("Call", "\(doubt.callId)"), ("Seen", "\(doubt.seen)"),
            ("Look at the vendor for", doubt.lookFor.map { "\($0)" }),
            ("adopt", doubt.adoptMeans.map { "\($0)" }),
            ("absent", doubt.absentMeans.map { "\($0)" }),
          ])
        )
      }
    )
  }

  private var about: HTML {
    HTML.section(
      "about",
      "What was asked for",
      HTML.facts([
        ("Reward", "\(job.rewardId)"), ("Prefix", job.prefix.map { "\($0)" }),
        ("Key", job.dedupeKey.map { "\($0)" }), ("Campaign", job.campaign.map { "\($0)" }),
        ("By", "\(job.createdBy)"), ("Inserted", HTML.time(job.createdAt)),
        ("Begun", job.startedAt.map(HTML.time)), ("Finished", job.finishedAt.map(HTML.time)),
      ])
    )
  }

  private var sync: HTML {
    guard !facts.sync.isEmpty else { return .nothing }
    return HTML.section(
      "sync",
      "Sync",
      HTML.table(
        "Sync by system",
        heads: ["System", "Status", "Codes"],
        rows: facts.sync.map { ["\($0.system)", "\($0.syncStatus)", "\($0.codes)"] }
      )
    )
  }

  private var calls: HTML {
    guard !facts.calls.isEmpty else { return .nothing }
    return HTML.section(
      "calls",
      "Latest calls",
      HTML.table(
        "Latest calls",
        heads: ["Claimed", "State", "Size", "Received", "HTTP", "ms", "Call", "Remark"],
        rows: facts.calls.map { call in
          [
            HTML.time(call.createdAt), HTML.tag(call.words, call.look), "\(call.size)",
            "\(call.received.map(String.init) ?? "")", "\(call.httpStatus.map(String.init) ?? "")",
            "\(call.durationMs.map(String.init) ?? "")", "\(call.id)", "\(call.remark)",
          ]
        }
      )
    )
  }

  private var actions: HTML {
    guard !facts.actions.isEmpty else { return .nothing }
    return HTML.section(
      "actions",
      "Latest actions",
      HTML.table(
        "Latest actions",
        heads: ["Done", "Action", "By", "Before", "After", "Note"],
        rows: facts.actions.map { action in
          [
            HTML.time(action.doneAt), "\(action.action)", "\(action.doneBy)",
            "\(action.stateBefore)", "\(action.stateAfter)", "\(action.note ?? "")",
          ]
        }
      )
    )
  }

  private var events: HTML {
    guard !facts.events.isEmpty else { return .nothing }
    return HTML.section(
      "events",
      "Latest events",
      HTML.table(
        "Latest events",
        heads: ["At", "Event", "The job then", "Number"],
        rows: facts.events.map { event in
          [HTML.time(event.at), "\(event.kind)", "\(event.words)", "\(event.id)"]
        }
      )
    )
  }
}

extension LedgerReport.Call {
  fileprivate var look: HTML.Look {
    if heldAt != nil { return .bad }
    return switch state {
    case "issued", "adopted": .good
    case "rejected": .bad
    case "in_doubt", "absent": .wait
    default: .quiet
    }
  }
}
