import Foundation
import Ledger
import Provisioning
import Testing

@testable import codemint

@Suite("Webhooks in the settings")
struct WebhookListTests {
  private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

  @Test(
    "a list may be written over several lines in the file, on one, or as JSON in the environment"
  )
  func forms() throws {
    let lines = """
      webhooks:
        timeout_seconds: 3
        receivers:
          - name: shop
            url: https://Shop.example/hooks/?token=t
            kinds: [completed, sync_done]
          - name: desk
            url: http://127.0.0.1:8080/x
            allow_private: true
      log:
        level: debug
      """
    let json = """
      [{"name": "shop", "url": "https://Shop.example/hooks/?token=t", "kinds": ["completed", "sync_done"]},
       {"name": "desk", "url": "http://127.0.0.1:8080/x", "allow_private": true}]
      """
    let fromFile = try Loading.settings(yaml: lines)
    let flow = json.replacing("\n", with: " ")
    let fromFlow = try Loading.settings(yaml: "webhooks:\n  receivers: \(flow)\n")
    let fromEnvironment = try Loading.settings(environment: [
      "CODEMINT_WEBHOOKS_RECEIVERS": flow
    ])
    #expect(fromFile.webhooks.timeout == .seconds(3) && fromFile.log.level == .debug)
    for settings in [fromFile, fromFlow, fromEnvironment] {
      let (shop, desk) = (settings.webhooks.receivers[0], settings.webhooks.receivers[1])
      #expect(settings.webhooks.receivers.count == 2)
      #expect(shop.name == "shop" && shop.kinds == [.completed, .syncDone] && !shop.allowsPrivate)
      #expect(
        shop.url.text == "https://shop.example/hooks/?token=t" && shop.url.host == "shop.example"
      )
      #expect(desk.name == "desk" && desk.kinds == nil && desk.allowsPrivate && desk.url.isPlain)
    }
  }

  @Test(
    "what is wrong with a list is said, and no URL is shown: it may hold a token",
    arguments: [
      ("{name: shop}", "must be a list of webhooks"),
      ("[shop]", "webhook 1 must be a list of webhooks"),
      ("[{url: 'https://x/hush'}]", "webhook 1 needs a name"),
      ("[{name: Shop, url: 'https://x/hush'}]", "webhook 1 needs a name"),
      ("[{name: shop}]", "webhook shop needs a url"),
      ("[{name: shop, url: 'ftp://x/hush'}]", "webhook shop: the URL must begin with https://"),
      ("[{name: shop, url: 'https://me:hush@x/'}]", "must not have a user name or a password"),
      ("[{name: shop, url: 'https://x/hush#a'}]", "must not have a fragment"),
      ("[{name: shop, url: 'http://127.0.0.1/hush'}]", "allow_private: true"),
      ("[{name: shop, url: 'http://10.0.0.1/hush', allow_private: true}]", "127.0.0.0/8"),
      ("[{name: shop, url: 'https://x/hush', kinds: [done]}]", "kinds of webhook shop must be"),
      ("[{name: shop, url: 'https://x/hush', kinds: []}]", "kinds of webhook shop must be"),
      ("[{name: shop, url: 'https://x/hush', kinds: completed}]", "kinds of webhook shop must be"),
      ("[{name: shop, url: 'https://x/hush', kind: [held]}]", "did you mean kinds?"),
      ("[{name: shop, url: 'https://x/hush', allow_private: 7}]", "must be true or false"),
      ("[{name: a, url: 'https://x/hush'}, {name: a, url: 'https://x/hush'}]", "of the same name"),
    ]
  )
  func wrong(list: String, words: String) throws {
    let problems = try Loading.problems(environment: ["CODEMINT_WEBHOOKS_RECEIVERS": list])
    #expect(problems.map(\.name) == ["webhooks.receivers"])
    #expect(problems.first?.rule.contains(words) == true, "\(problems)")
    #expect(!"\(problems)".contains("hush"))
    let inFile = try Loading.problems(yaml: "webhooks:\n  receivers: \(list)\n")
    #expect(inFile.first?.name.hasPrefix("webhooks.receivers") == true)
    #expect(!"\(inFile)".contains("hush"))
  }

  @Test("more than twenty webhooks are refused")
  func many() throws {
    let list = (0...20).map { "{name: w\($0), url: 'https://x/'}" }.joined(separator: ", ")
    let problems = try Loading.problems(environment: ["CODEMINT_WEBHOOKS_RECEIVERS": "[\(list)]"])
    #expect(problems.first?.rule == "has more than 20 webhooks")
  }

  @Test(
    "a daemon needs a secret for each webhook, and warns of one for a webhook that it does not have"
  )
  func secrets() throws {
    let list = "[{name: shop, url: 'https://shop.example/'}]"
    func settings(_ secrets: String?) throws -> Settings {
      var environment = ["CODEMINT_WEBHOOKS_RECEIVERS": list]
      environment["CODEMINT_WEBHOOKS_SECRETS"] = secrets
      return try Loading.settings(environment: environment)
    }
    func senders(_ secrets: String?) throws -> [WebhookSender] {
      try settings(secrets).webhookSenders()
    }
    #expect(try senders("shop=\(Self.secret)").map(\.named.host) == ["shop.example"])
    let missing = #expect(throws: SettingsError.self) { try senders(nil) }
    #expect(missing?.description.contains("the webhook shop has no secret") == true)
    #expect(try settings("shop=\(Self.secret)").unusedSecrets == nil)
    let stranger = try settings("shop=\(Self.secret) shap=\(Self.secret)")
    #expect(try stranger.webhookSenders().count == 1)
    #expect(
      stranger.unusedSecrets == "there is a secret, but no webhook, of the name shap"
    )
    let warned = try #require(WebhookExamination(settings: stranger).findings.first)
    #expect(warned.verdict == .warning && warned.observation.contains("shap"))
    let wrong = #expect(throws: SettingsError.self) { try senders("shop=whsec_hush") }
    #expect(wrong?.description.contains("its value is wrong") == true)
    #expect(wrong?.description.contains("hush") == false)
  }

  @Test(
    "secrets come from the credential that systemd passes, a line each, and never from the file"
  )
  func credential() throws {
    let scratch = try Scratch()
    _ = try scratch.file("webhook-secrets", "shop=\(Self.secret)\nshop=\(Self.secret)\n")
    let settings = try Loading.settings(environment: ["CREDENTIALS_DIRECTORY": scratch.path])
    #expect(settings.webhooks.secrets["shop"]?.count == 2)
    #expect(!SecretTests.renderings(settings).contains("MfKQ9r8"))
    let problems = try Loading.problems(yaml: "webhooks:\n  secrets: shop=\(Self.secret)\n")
    #expect(problems.map(\.name) == ["webhooks.secrets"])
    #expect(problems.first?.rule.contains("/etc/codemint/webhook-secrets") == true)
    #expect(!"\(problems)".contains("MfKQ9r8"))
  }

  @Test("the longest pause is not shorter than the first")
  func pauses() throws {
    let problems = try Loading.problems(environment: [
      "CODEMINT_WEBHOOKS_FIRST_SECONDS": "60", "CODEMINT_WEBHOOKS_LONGEST_SECONDS": "5",
    ])
    #expect(problems.map(\.name) == ["webhooks.longest_seconds"])
  }

  @Test("the doctor fails a webhook without a secret, and warns of one that takes nothing")
  func doctor() throws {
    let list = "[{name: shop, url: 'https://shop.example/hush'}]"
    let bare = try Loading.settings(environment: ["CODEMINT_WEBHOOKS_RECEIVERS": list])
    let failed = try #require(WebhookExamination(settings: bare).findings.first)
    #expect(
      failed.verdict == .failed && failed.observation.contains("the webhook shop has no secret")
    )
    #expect(!failed.observation.contains("hush"))
    let whole = try Loading.settings(environment: [
      "CODEMINT_WEBHOOKS_RECEIVERS": list, "CODEMINT_WEBHOOKS_SECRETS": "shop=\(Self.secret)",
    ])
    #expect(WebhookExamination(settings: whole).findings.map(\.verdict) == [.ok])
    #expect(WebhookExamination(settings: try Loading.settings()).findings.isEmpty)

    func finding(dead: Int64, error: String?) throws -> Finding {
      let figures = WebhookFigures(name: "shop", state: "x", waiting: 3, dead: dead, error: error)
      return try #require(DatabaseExamination.findings([figures]).first)
    }
    #expect(try finding(dead: 0, error: nil).verdict == .ok)
    #expect(
      try finding(dead: 0, error: "no").remedy?.contains("codemint webhook test shop") == true
    )
    #expect(
      try finding(dead: 2, error: nil).remedy?.contains("codemint webhook resend shop") == true
    )
  }
}
