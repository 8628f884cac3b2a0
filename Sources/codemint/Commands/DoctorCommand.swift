import ArgumentParser

/// `codemint doctor`: whether everything is as the daemon needs it.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Looks whether settings, database and API are as the daemon needs them.",
    discussion: """
      Changes nothing and sends no generate call: the API is asked with GET /v1/team. Each line is \
      ok, a warning or failed, with what to do; a wrong setting is such a line too, and what can be \
      looked at without it is. Status 0 if nothing failed, else 1. Run it as the daemon's user, with \
      the same settings and secrets; docs/operations.md, \"Commands on this host\", has a line for that.
      """
  )

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let examination = SettingsExamination(reading: options.read())
    let settings = examination.reading.settings
    var findings = examination.findings + FileExamination(settings: settings).findings()
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

  /// Whether it says that the database is not to be had, and so its wakes neither.
  private static func isUnreached(_ finding: Finding) -> Bool {
    finding.subject == "database" && finding.verdict == .failed
  }

  private func print(_ findings: [Finding]) throws {
    let output = FileDescriptor.standardOutput
    if json { return try output.json(findings) }
    let width = findings.map(\.subject.count).max() ?? 0
    for finding in findings {
      output.line(
        "\(finding.verdict.rawValue.padded(7))  \(finding.subject.padded(width))  "
          + finding.observation
      )
      if let remedy = finding.remedy {
        output.line(String(repeating: " ", count: 9 + width + 2) + "-> \(remedy)")
      }
    }
  }
}
