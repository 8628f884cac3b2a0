import Attack
import Foundation
import Testing

@testable import codemint

@Suite("Attacks: settings")
struct SettingsAttackTests {
  private static let words = [
    "api:", "database:", "limits:", "key:", "url:", "\n  ", "\t", ": ", "- ", "{", "}", "[", "]",
    "&a ", "*a",
    "<<: ", "!!binary ", "|\n", "'", "\"", "#", "---\n", "...\n", "null", "~", "1e999", "0x7f",
    ".inf", "-1",
    "99999999999999999999", "\0", "\u{FEFF}", "%YAML 1.1\n",
  ]

  @Test("a file is read or refused with words that show no secret, whatever is in it")
  func files() async throws {
    let sample = try Repository.text("config/codemint.yaml")
    let settings = sample.split(separator: "\n").map { $0.hasPrefix("#") ? $0.dropFirst() : $0 }
    let corpus = [
      sample, "limits:\n  requests_per_second: 5\napi:\n  base_url: https://api.oneofnone.io\n",
      "database: {url: \"postgresql://u:\(SecretTests.value)@db/x\"}\n",
      settings.joined(separator: "\n"),
    ]
    let attack = Attack("settings file", corpus: corpus, dictionary: Self.words)
    let findings = try await attack.run(share: 0.3) { bytes in
      let scratch = try Scratch()
      let file = try scratch.file("codemint.yaml", bytes: bytes)
      let (text, seconds) = Attack.seconds { Self.shown(file: file) }
      if seconds > 5 { return "takes \(seconds) s" }
      return text.contains(SecretTests.value) ? "shows a secret" : nil
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  @Test("a value in the environment is read or refused with words that show no secret")
  func environment() async throws {
    let corpus = [
      "5", "https://api.oneofnone.io", "127.0.0.1:9420", "true", "json", SecretTests.value, "",
    ]
    let attack = Attack("setting in the environment", corpus: corpus, dictionary: Self.words)
    var next = 0
    let findings = await attack.run { bytes in
      // No environment can hold a NUL.
      let value = String(decoding: bytes.filter { $0 != 0 }, as: UTF8.self)
      let setting = Setting.allCases[next % Setting.allCases.count]
      next += 1
      let text = Self.shown(environment: [setting.environmentName: value])
      let isShown = setting.isSecret && text.contains(SecretTests.value)
      return isShown ? "shows a secret" : nil
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  /// What a start with these settings shows of them.
  private static func shown(
    environment: [String: String] = [:],
    file: String = Loading.nowhere
  ) -> String {
    do throws(SettingsError) {
      return SecretTests.renderings(
        try Settings.load(overrides: [:], environment: environment, standardFile: file)
      )
    } catch {
      return SecretTests.renderings(error)
    }
  }
}
