import Backstage
import Foundation
import Testing

/// Asks promtool what the rules of config/prometheus say of what a daemon reports: before a trouble, in
/// it for an hour, and after it for three.
struct AlertTrial {
  /// What `/metrics` said, or nil if nobody could be asked.
  struct Scrapes {
    let before: String?
    let during: String?
    let after: String?
  }

  static let promtool = "/usr/bin/promtool"
  static var hasPromtool: Bool { FileManager.default.isExecutableFile(atPath: promtool) }

  /// The rules, wherever the tests are run from.
  static let rules = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appending(path: "../../../config/prometheus/codemint.rules.yml").standardized.path

  /// The names of all alerts.
  static func alerts() throws -> Set<String> {
    let text = try String(contentsOfFile: rules, encoding: .utf8)
    return Set(text.matches(of: /- alert: (\w+)/).map { String($0.output.1) })
  }

  /// Before for ten minutes, then an hour of trouble.
  private static let begin = 10
  private static let end = 70
  private static let last = 250

  let stage: Stage

  /// Whether the alert fires at some time in the trouble, and is over at the end.
  func judge(_ alert: String, _ scrapes: Scrapes) async throws {
    #expect(try await fires(alert, scrapes, in: [0, 5, 9]) == false, "\(alert) before")
    #expect(try await fires(alert, scrapes, in: [12, 25, 45, 69]), "\(alert) in the trouble")
    #expect(try await fires(alert, scrapes, in: [Self.last - 1]) == false, "\(alert) after")
  }

  /// promtool finds what differs from "no alert": then it shows the alert that it got.
  private func fires(_ alert: String, _ scrapes: Scrapes, in minutes: [Int]) async throws -> Bool {
    let file = "\(stage.directory)/\(alert)-\(minutes[0]).yml"
    try document(alert, scrapes, minutes).write(toFile: file, atomically: true, encoding: .utf8)
    let process = try stage.codemint(["test", "rules", file], program: Self.promtool)
    let ending = try await process.end()
    let said = try await process.everything().joined(separator: "\n")
    if ending == .status(0) { return false }
    try #require(
      said.contains("alertname: \(alert)") || said.contains("alertname=\"\(alert)\""),
      "\(said)"
    )
    return true
  }

  private func document(_ alert: String, _ scrapes: Scrapes, _ minutes: [Int]) -> String {
    let parts = [scrapes.before, scrapes.during, scrapes.after].map(Self.samples)
    let names = Set(parts.flatMap(\.keys)).sorted()
    let series = names.map { name in
      """
            - series: '\(name)'
              values: '\(Self.values(parts.map { $0[name] ?? "_" }))'
      """
    }
    let questions = minutes.map { minute in
      """
            - eval_time: \(minute)m
              alertname: \(alert)
      """
    }
    return """
      rule_files: ['\(Self.rules)']
      evaluation_interval: 1m
      tests:
        - interval: 1m
          input_series:
      \(series.joined(separator: "\n"))
          alert_rule_test:
      \(questions.joined(separator: "\n"))

      """
  }

  private static func values(_ parts: [String]) -> String {
    let lengths = [begin, end - begin, last - end]
    return zip(parts, lengths).map { part, length in
      Array(repeating: part, count: length).joined(separator: " ")
    }.joined(separator: " ")
  }

  /// The samples of a scrape, and of the scrape itself, as Prometheus would label them.
  private static func samples(_ text: String?) -> [String: String] {
    var samples = [#"up{job="codemint",instance="a"}"#: text == nil ? "0" : "1"]
    for line in (text ?? "").split(separator: "\n") where !line.hasPrefix("#") {
      guard let space = line.lastIndex(of: " ") else { continue }
      let name = line[..<space]
      let value = String(line[line.index(after: space)...])
      guard name.hasPrefix("codemint_"), !name.contains("_bucket") else { continue }
      let labelled =
        name.hasSuffix("}")
        ? "\(name.dropLast()),job=\"codemint\",instance=\"a\"}"
        : "\(name){job=\"codemint\",instance=\"a\"}"
      samples[labelled] = value
    }
    return samples
  }
}

/// What trials of alerts begin with.
extension AlertTrial {
  static let isInDoubt = "EXISTS (SELECT FROM codemint.calls WHERE state = 'in_doubt')"

  /// Lets the time pass in which a lost call may still take effect.
  static let passEffect = """
    UPDATE codemint.calls SET effective_until = clock_timestamp() - interval '10 minutes'
    WHERE state = 'in_doubt'
    """

  /// A daemon with metrics, and who judges them.
  static func begin(_ stage: Stage, _ settings: [String: String?] = [:]) async throws
    -> (Web, AlertTrial)
  {
    let web = try Web()
    let place = ["CODEMINT_HTTP_LISTEN": web.address].merging(settings) { $1 }
    let daemon = try stage.daemon(place)
    try await daemon.errors.line("web server listens")
    try await stage.database.until("EXISTS (SELECT FROM codemint.workers)")
    return (web, AlertTrial(stage: stage))
  }
}
