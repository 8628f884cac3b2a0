import ArgumentParser

/// `codemint doctor`: whether everything is as the daemon needs it.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Looks whether settings, database and API are as the daemon needs them.",
    discussion: """
      Changes nothing and sends no generate call: the API is asked with GET /v1/team. Each line is \
      ok, a warning or failed, with what to do. Status 0 if nothing failed, else 1. Run it as the \
      daemon's user, with the same settings.
      """
  )

  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let settings = try options.load()
    var findings = [Finding.ok("settings", Self.described(settings))]
    findings += FileExamination(settings: settings).findings()
    findings += await DatabaseExamination(settings).findings()
    findings += await APIExamination(settings).findings()
    try print(findings)
    guard !findings.contains(where: { $0.verdict == .failed }) else {
      throw ExitCode(ExitStatus.failed.rawValue)
    }
  }

  private static func described(_ settings: Settings) -> String {
    let given = settings.origins.count
    return given == 0 ? "all as by default" : "\(given) given, none unknown or out of range"
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
