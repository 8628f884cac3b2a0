import Foundation

/// The figures of a bench; nil for sections that did not run.
struct BenchReport: Encodable, Sendable {
  let codemint: String
  let postgres: String
  let machine: Machine
  var big: EndToEndRun.Figures?
  var many: EndToEndRun.Figures?
  var grown: EndToEndRun.Figures?
  var wake: WakeRun.Figures?
  var claim: ClaimRun.Figures?
  var pace: [PaceRun.Figures]?
  var idle: IdleRun.Figures?

  init(codemint: String, postgres: String, machine: Machine) {
    self.codemint = codemint
    self.postgres = postgres
    self.machine = machine
  }

  /// Whether the rate limit was kept and used. Lost codes end a bench at once, with an error.
  var isRight: Bool { pace?.allSatisfy(\.isKept) ?? true }

  /// The report for people, with the targets of docs/scheduling.md.
  var lines: [String] {
    let head = [
      "codemint \(codemint), Postgres \(postgres), \(machine.cores) x \(machine.processor), "
        + machine.system
    ]
    return head + endToEndLines + wakeLines + claimLines + paceLines + idleLines
  }

  private var endToEndLines: [String] {
    let runs = [("one job", big), ("many jobs", many), ("grown table", grown)]
      .compactMap { name, figures in figures.map { (name, $0) } }
    guard !runs.isEmpty else { return [] }
    var table = TextTable([
      ("END TO END", .left), ("JOBS", .right), ("CODES", .right), ("CODES/S", .right),
      ("COPY ROWS/S", .right), ("OF COPY", .right), ("DAEMON", .right), ("STAND-IN", .right),
      ("POSTGRES", .right), ("LEDGER ms", .right), ("PEAK MiB", .right), ("ANON MiB", .right),
    ])
    for (name, run) in runs {
      table.add([
        name, "\(run.jobs)", "\(run.codes)", Self.text(run.codesPerSecond, digits: 0),
        Self.text(run.copyPerSecond, digits: 0), Self.text(run.shareOfCopy, digits: 2),
        Self.text(run.daemonCPU, digits: 2), Self.text(run.standInCPU, digits: 2),
        Self.text(run.postgresCPU, digits: 2), Self.text(run.ledgerCPU, digits: 2),
        Self.mebibytes(run.peakResident), Self.mebibytes(run.peakAnonymous),
      ])
    }
    var lines = [""] + table.lines
    lines.append(
      "DAEMON, STAND-IN, POSTGRES: CPU seconds for 100,000 codes; memory is the daemon's"
    )
    lines.append(
      "LEDGER: Postgres's CPU for each call beside its codes, which are what a COPY for each call takes"
    )
    if let big, let grown {
      let share = grown.codesPerSecond / big.codesPerSecond
      lines.append(
        "with \(grown.rowsBefore) rows in the table: \(Self.text(share, digits: 2)) of the speed "
          + "with an empty table"
      )
    }
    return lines
  }

  private var wakeLines: [String] {
    guard let wake else { return [] }
    let (woken, polled) = (wake.milliseconds, wake.pollMilliseconds)
    return [
      "",
      "INSERT to request, \(woken.count) jobs: \(Self.text(woken))",
      "the same without LISTEN, \(polled.count) jobs, poll.seconds 1: at most "
        + "\(Self.text(polled.most, digits: 0)) ms; " + Self.target(polled.most <= 1050, "1050 ms"),
    ]
  }

  private var claimLines: [String] {
    guard let claim else { return [] }
    var table = TextTable([
      ("WAITING JOBS", .right), ("CLAIM p50 ms", .right), ("p95", .right), ("p99", .right),
    ])
    for step in claim.steps {
      let shares = step.milliseconds
      table.add(
        ["\(step.waiting)"] + [shares.p50, shares.p95, shares.p99].map { Self.text($0, digits: 2) }
      )
    }
    let growth = claim.growth.map { growth in
      "median among the most jobs: \(Self.text(growth, digits: 2)) times that among the fewest; "
        + Self.target(growth <= 1.2, "at most 1.2")
    }
    return [""] + table.lines + [growth].compactMap(\.self)
  }

  private var paceLines: [String] {
    guard let pace, !pace.isEmpty else { return [] }
    return [""]
      + pace.map { run in
        "\(run.daemons) daemon(s) at \(run.requestsPerSecond) requests/s: \(run.requests) sent, "
          + "at most \(run.mostInOneSecond) in a sliding second, \(run.refused) refused, "
          + "\(Self.text(run.used * 100, digits: 1)) % of the slots used; gaps \(Self.text(run.gaps))"
          + (run.isKept ? "" : "; the limit was NOT kept or not used")
      }
  }

  private var idleLines: [String] {
    guard let idle else { return [] }
    return [
      "",
      "idle for \(idle.seconds) s: \(Self.text(idle.cpu, digits: 2)) s of CPU, "
        + "\(idle.transactions) transactions, \(Self.mebibytes(idle.resident)) MiB resident, "
        + "\(Self.mebibytes(idle.anonymous)) MiB of it anonymous; "
        + Self.target(idle.isFrugal, "0.02 s and 16 transactions in 30 s"),
    ]
  }

  private static func target(_ isMet: Bool, _ words: String) -> String {
    "target: \(words), \(isMet ? "met" : "MISSED")"
  }

  private static func text(_ shares: Shares) -> String {
    "p50 \(text(shares.p50, digits: 2)) ms, p95 \(text(shares.p95, digits: 2)) ms, "
      + "p99 \(text(shares.p99, digits: 2)) ms"
  }

  static func text(_ value: Double?, digits: Int) -> String {
    value.map { String(format: "%.\(digits)f", $0) } ?? "-"
  }

  private static func mebibytes(_ bytes: Int) -> String {
    text(Double(bytes) / 1_048_576, digits: 1)
  }
}
