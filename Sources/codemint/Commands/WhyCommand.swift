import ArgumentParser
import Ledger

/// `codemint why`: everything about one job.
struct WhyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "why",
    abstract: "Says why a job waits, and what helps.",
    discussion: """
      It shows the reason, since when, the last error and the command that helps. Then come the job's calls \
      in doubt with what to look for at the vendor, the sync of its codes in each system, its latest 20 calls, 20 \
      actions of operators and 20 events. A producer sees its own jobs, without calls and actions. Nothing is changed.
      """
  )

  @Argument(help: "The job's number.")
  var job: Int64

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var colours: ColourOptions

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let text = try await JobSession.run(try options.loadDatabase()) { try await $0.explain(job) }
    if json { return try FileDescriptor.standardOutput.json(text: text) }
    let board = ExplanationText(facts: try LedgerReport.read(text), palette: colours.palette)
    try FileDescriptor.standardOutput.painted(board.lines)
  }
}

/// What `codemint why` prints for people.
struct ExplanationText {
  let facts: LedgerReport.Explanation
  let palette: Palette

  /// The lines, made harmless.
  var lines: [String] {
    lines(of: head) + helpLines + facts.doubts.flatMap(doubt) + part("calls", calls)
      + part("actions", actions) + part("events", events)
  }

  private var job: LedgerReport.Job { facts.job }

  private var head: [(String, String, Palette.Tint?)] {
    let sync = facts.sync.map { "\($0.system) \($0.syncStatus) \($0.codes)" }
    let names = [
      job.prefix.map { "prefix \($0)" }, job.dedupeKey.map { "key \($0)" },
      job.campaign.map { "campaign \($0)" },
    ].compactMap(\.self)
    return [
      (
        "job \(job.id)",
        "\(job.states.joined(separator: ", ")), \(job.issued) of \(job.count) codes",
        Palette.Tint(state: job.state, isStuck: facts.isStuck)
      ),
      ("reason", facts.reason, facts.isStuck ? .bad : nil),
      ("since", facts.since?.asTime ?? "", nil),
      ("until", facts.waits?.until?.asTime ?? "", nil),
      ("last error", facts.lastError ?? lastCallError, nil),
      ("reward", job.rewardId, nil),
      (
        "asked for",
        (["by \(job.createdBy) at \(job.createdAt.asTime)"] + names).joined(separator: ", "), nil
      ),
      ("begun", job.startedAt?.asTime ?? "", nil),
      ("ended", job.finishedAt?.asTime ?? "", nil),
      ("sync", sync.joined(separator: ", "), nil),
    ]
  }

  private var lastCallError: String {
    facts.calls.first { $0.errorCode != nil }.map { "\($0.remark) (call \($0.id.shortID))" } ?? ""
  }

  /// The commands that help; what the ledger says where there is none, or none but this one.
  private var helpLines: [String] {
    let commands = facts.commands.filter { $0 != "codemint why \(job.id)" }
      .map { palette.paint($0, .strong) }
    guard commands.isEmpty else { return commands.map { "helps".padded(12) + $0 } }
    return lines(of: [("helps", facts.waits?.whatToDo ?? "", nil)])
  }

  private func doubt(_ doubt: LedgerReport.Doubt) -> [String] {
    ["", palette.paint("call \(doubt.callId)", .warning)]
      + lines(of: [
        ("seen", doubt.seen, nil), ("look for", doubt.lookFor ?? "", nil),
        ("adopt", doubt.adoptMeans ?? "", nil), ("absent", doubt.absentMeans ?? "", nil),
      ])
  }

  private func lines(of facts: [(String, String, Palette.Tint?)]) -> [String] {
    facts.filter { !$0.1.isEmpty }.map { name, text, tint in
      name.padded(12) + palette.paint(text, tint)
    }
  }

  private func part(_ title: String, _ table: TextTable?) -> [String] {
    guard let table else { return [] }
    return ["", palette.paint("latest \(title)", .strong)] + table.lines(palette)
  }

  private var calls: TextTable? { facts.calls.isEmpty ? nil : .calls(facts.calls) }

  private var actions: TextTable? { facts.actions.isEmpty ? nil : .actions(facts.actions) }

  private var events: TextTable? {
    guard !facts.events.isEmpty else { return nil }
    var table = TextTable([
      ("AT", .left), ("EVENT", .left), ("THE JOB THEN", .left), ("NUMBER", .right),
    ])
    for event in facts.events {
      table.add([event.at.asTime, event.kind, event.words, "\(event.id)"])
    }
    return table
  }
}

extension TextTable {
  /// A table of calls.
  static func calls(_ calls: [LedgerReport.Call]) -> TextTable {
    var table = TextTable([
      ("CLAIMED", .left), ("STATE", .left), ("JOB", .right), ("SIZE", .right), ("RECEIVED", .right),
      ("HTTP", .right), ("MS", .right), ("CALL", .left), ("REMARK", .left),
    ])
    for call in calls {
      table.add(
        [
          call.createdAt.asTime, call.words, "\(call.jobId)", "\(call.size)",
          call.received.map(String.init) ?? "", call.httpStatus.map(String.init) ?? "",
          call.durationMs.map(String.init) ?? "", call.id, call.remark,
        ],
        tints: [nil, Palette.Tint(state: call.state, isStuck: call.heldAt != nil)]
      )
    }
    return table
  }

  /// A table of operators' actions.
  static func actions(_ actions: [LedgerReport.Action]) -> TextTable {
    var table = TextTable([
      ("DONE", .left), ("JOB", .right), ("ACTION", .left), ("BY", .left), ("BEFORE", .left),
      ("AFTER", .left), ("NOTE", .left),
    ])
    for action in actions {
      table.add([
        action.doneAt.asTime, "\(action.jobId)", action.action, action.doneBy, action.stateBefore,
        action.stateAfter, action.note ?? "",
      ])
    }
    return table
  }
}
