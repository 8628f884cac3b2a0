import ArgumentParser

/// `codemint doctor`: checks that the daemon could work here.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Checks that the daemon can work with these settings, this database and this API.",
    discussion: """
      It changes nothing and makes no codes; it asks the API with GET /v1/team. A claim, a settlement and a \
      pause are tried on the database in transactions that are rolled back, as the login and as each role \
      that it may become. Each line is ok, warning \
      or failed, and says what to do. A wrong setting is a failed line; everything that does not depend \
      on it is still checked. What codemint has seen of the API so far is shown too, and a setting that this \
      contradicts is a warning. It ends with status 0 if nothing failed, else with 1. Run it as the \
      daemon's user, with the same settings and secrets; \"Commands on this host\" in \
      docs/operations.md has the command for that.
      """
  )

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let examination = SettingsExamination(reading: options.read())
    let settings = examination.reading.settings
    var findings = examination.findings + FileExamination(settings: settings).findings()
    findings += WebhookExamination(settings: settings).findings
    if let omission = examination.omission("database", .databaseURL) {
      findings.append(omission)
    } else {
      findings += await DatabaseExamination(settings).findings()
    }
    if let omission = examination.omission("wakes", .databaseURL, .databaseListenURL) {
      findings.append(omission)
    } else if settings.database.listenURL != nil || !findings.contains(where: Self.isUnreached) {
      findings.append(await WakeExamination(settings: settings).finding())
    }
    if let omission = examination.omission("API", .apiBaseURL, .apiKey, .apiCAFile) {
      findings.append(omission)
    } else {
      findings += await APIExamination(settings).findings()
    }
    try print(findings)
    guard !findings.contains(where: { $0.verdict == .failed }) else {
      throw ExitCode(ExitStatus.failed.rawValue)
    }
  }

  /// Whether the finding says that the database cannot be reached. Then notifications cannot either.
  private static func isUnreached(_ finding: Finding) -> Bool {
    finding.subject == "database" && finding.verdict == .failed
  }

  private func print(_ findings: [Finding]) throws {
    let output = FileDescriptor.standardOutput
    if json { return try output.json(findings) }
    let width = findings.map(\.subject.count).max() ?? 0
    for finding in findings {
      try output.line(
        "\(finding.verdict.rawValue.padded(7))  \(finding.subject.padded(width))  "
          + finding.observation
      )
      if let remedy = finding.remedy {
        try output.line(String(repeating: " ", count: 9 + width + 2) + "-> \(remedy)")
      }
    }
  }
}

/// The result of one check of `codemint doctor`.
struct Finding: Hashable, Sendable, Encodable {
  /// How the check ended.
  enum Verdict: String, Sendable, Encodable {
    case ok
    /// codemint works, but something should be changed.
    case warning
    /// codemint cannot work, or not safely.
    case failed
  }

  /// What was checked, in one or two words.
  let subject: String
  let verdict: Verdict
  /// What was found, on one line; never a secret.
  let observation: String
  /// What to do; nil if all is well.
  let remedy: String?

  private init(_ subject: String, _ verdict: Verdict, _ observation: String, _ remedy: String?) {
    self.subject = subject
    self.verdict = verdict
    self.observation = observation.onOneLine
    self.remedy = remedy
  }

  static func ok(_ subject: String, _ observation: String) -> Finding {
    Finding(subject, .ok, observation, nil)
  }

  static func warning(_ subject: String, _ observation: String, _ remedy: String) -> Finding {
    Finding(subject, .warning, observation, remedy)
  }

  static func failed(_ subject: String, _ observation: String, _ remedy: String) -> Finding {
    Finding(subject, .failed, observation, remedy)
  }
}
