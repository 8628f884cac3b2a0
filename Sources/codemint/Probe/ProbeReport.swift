import Foundation
import Sandbox

/// What a probe saw, for people and for `codemint sandbox --like`. It has no code and no key in it.
struct ProbeReport: Codable, Equatable {
  /// One thing that codemint assumes of the API.
  struct Line: Codable, Equatable {
    /// What it is about, in one or two words.
    let subject: String
    /// What codemint assumes.
    let assumed: String
    /// What was seen; nil if nothing showed it.
    let seen: String?
    /// Whether that differs.
    let differs: Bool
    /// What it means for the promise.
    let means: String?
    /// The setting to change, and how.
    let setting: String?
  }

  /// What the stand-in needs to behave as what was seen.
  struct Likeness: Codable, Equatable {
    /// How it differs from the documents.
    var plan = FaultPlan()
    /// The shortest answer, in milliseconds.
    var latency = 0
    /// How much longer others took, in milliseconds.
    var jitter = 0
  }

  /// When, by this machine's clock.
  let at: String
  /// The API's address, without a path.
  let api: String
  let reward: String
  /// Codes that were spent.
  let codes: Int
  /// Why the probe ended before its last question; nil if it did not.
  let stopped: String?
  let lines: [Line]
  let like: Likeness

  /// The lines that differ.
  var differences: [Line] { lines.filter(\.differs) }

  /// What was seen and what it comes to, in one line.
  var summary: String {
    let subjects = differences.map(\.subject)
    let seen =
      subjects.isEmpty
      ? stopped == nil
        ? "everything that was seen is as codemint assumes"
        : "nothing that was seen so far differs from what codemint assumes"
      : "\(subjects.count) of \(lines.count) things differ from what codemint assumes: "
        + subjects.joined(separator: ", ")
    return stopped.map { "\($0); \(seen)" } ?? seen
  }

  /// For a terminal.
  var text: [String] {
    let width = lines.map(\.subject.count).max() ?? 0
    let indent = String(repeating: " ", count: 9 + width + 2)
    return lines.flatMap { line in
      let mark = line.seen == nil ? "not seen" : line.differs ? "differs" : "ok"
      let head =
        "\(mark.padded(8)) \(line.subject.padded(width))  assumed: \(line.assumed)"
      return [head]
        + [line.seen.map { "seen: \($0)" }, line.means, line.setting.map { "-> \($0)" }]
        .compactMap(\.self).map { indent + $0 }
    } + [summary]
  }

  /// A page in Markdown, for colleagues and for the vendor.
  var markdown: String {
    var page = """
      # The API as codemint saw it

      `codemint probe` asked \(api) about the reward \(reward) at \(at). \
      \(codes == 0 ? "It spent no codes." : "It spent \(codes) codes.") \
      This page has no code and no key in it.

      \(summary.prefix(1).uppercased() + summary.dropFirst()).

      | | subject | assumed | seen | what it means |
      |---|---|---|---|---|

      """
    for line in lines {
      let mark = line.seen == nil ? "not seen" : line.differs ? "**differs**" : "as assumed"
      let meaning = [line.means, line.setting].compactMap(\.self).joined(separator: " ")
      let cells = [mark, line.subject, line.assumed, line.seen ?? "", meaning]
      page += "| " + cells.map(Self.cell).joined(separator: " | ") + " |\n"
    }
    return page
  }

  /// A text of the API's own may have anything in it.
  private static func cell(_ text: String) -> String {
    text.onOneLine.replacing("\\", with: "\\\\").replacing("|", with: "\\|")
      .replacing("<", with: "&lt;").replacing("`", with: "'")
  }
}

extension ProbeReport.Likeness {
  private struct File: Decodable {
    let like: ProbeReport.Likeness
  }

  /// Reads it from a report in JSON.
  ///
  /// - Throws: `CommandError` that says what is wrong with the file.
  init(report path: String) throws(CommandError) {
    do {
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      self = try JSONDecoder().decode(File.self, from: data).like
    } catch let error as SandboxError {
      throw CommandError(.data, "\(path): \(error)")
    } catch {
      throw CommandError(.data, "\(path) is no JSON report of codemint probe, or cannot be read")
    }
  }
}
