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
      // A setting that is none of the secrets shows what it was given, whatever that is.
      let settings = try? Settings.load(overrides: [:], environment: [:], standardFile: file)
      let isPublic = settings?.api.baseURL.contains(SecretTests.value) ?? false
      return text.contains(SecretTests.value) && !isPublic ? "shows a secret" : nil
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  @Test(
    "webhooks and their secrets are read or refused with words that show neither URL nor secret"
  )
  func webhooks() async throws {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    let corpus = [
      "[{name: shop, url: 'https://shop.example/\(SecretTests.value)', kinds: [completed]}]",
      "- name: desk\n  url: http://127.0.0.1:8080/\(SecretTests.value)\n  allow_private: true\n",
      "shop=\(secret) shop=\(secret)\ndesk=\(secret)",
    ]
    let words =
      Self.words + ["name: ", "kinds: [", "allow_private: ", "https://", "whsec_", "shop=", "="]
    let findings = await Attack("webhook settings", corpus: corpus, dictionary: words).run {
      bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      var shown = SecretTests.renderings(WebhookSecret.read(text) ?? [:])
      switch WebhookList.read(text) {
      case .failure(let complaint): shown += complaint.words
      case .success(let entries):
        if entries.count > WebhookList.most { return "takes \(entries.count) webhooks" }
        for entry in entries {
          if entry.name.wholeMatch(of: /[a-z0-9_-]{1,40}/) == nil {
            return "takes the name \(entry.name)"
          }
          if entry.url.isPlain && !entry.allowsPrivate { return "sends in clear" }
        }
      }
      // A name is shown, whatever it is.
      let isShown = shown.replacing("webhook \(SecretTests.value)", with: "").contains(
        SecretTests.value
      )
      return isShown || shown.contains(secret.dropFirst(6)) ? "shows a secret" : nil
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
