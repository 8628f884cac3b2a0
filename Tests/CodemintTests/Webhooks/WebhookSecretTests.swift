import Foundation
import Testing

@testable import codemint

@Suite("Secrets and signatures of webhooks")
struct WebhookSecretTests {
  /// The example of the libraries of Standard Webhooks.
  private static let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

  @Test("a signature is that of the example of Standard Webhooks")
  func example() throws {
    let secret = try #require(WebhookSecret(Self.text))
    let signature = secret.signature(
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
      timestamp: 1_614_265_330,
      body: Array(#"{"test": 2432232314}"#.utf8)
    )
    #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
  }

  @Test("id, time and body each change the signature")
  func covered() throws {
    let secret = try #require(WebhookSecret(Self.text))
    let signatures = [("a", 1, "x"), ("b", 1, "x"), ("a", 2, "x"), ("a", 1, "y")].map {
      id,
      time,
      body in
      secret.signature(id: id, timestamp: Int64(time), body: Array(body.utf8))
    }
    #expect(Set(signatures).count == 4)
  }

  @Test("a secret has 24 to 64 bytes as base64 behind whsec_")
  func lengths() {
    func text(_ count: Int) -> String { "whsec_" + Data(count: count).base64EncodedString() }
    for count in [24, 32, 64] { #expect(WebhookSecret(text(count)) != nil) }
    for wrong in [
      text(23), text(65), "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_not base64!!",
    ] {
      #expect(WebhookSecret(wrong) == nil, "\(wrong)")
    }
  }

  @Test("several webhooks have one each, and one may have several while it is replaced")
  func words() {
    let other = "whsec_" + Data(repeating: 7, count: 32).base64EncodedString()
    let secrets = WebhookSecret.read("shop=\(Self.text)\nshop=\(other)\n desk=\(other) ")
    #expect(secrets?.mapValues(\.count) == ["shop": 2, "desk": 1])
    for wrong in ["", " \n", Self.text, "=\(Self.text)", "shop=\(Self.text) x", "shop"] {
      #expect(WebhookSecret.read(wrong) == nil, "\(wrong)")
    }
  }
}

private enum Python {
  static let path = "/usr/bin/python3"
  static var isHere: Bool { FileManager.default.isExecutableFile(atPath: path) }
}

/// The lines that docs/webhooks.md gives to receivers.
@Suite("The check in docs/webhooks.md", .enabled(if: Python.isHere))
struct DocumentedCheckTests {
  @Test("it takes what codemint signs, while a secret is replaced too, and nothing else")
  func verdicts() throws {
    let text = "whsec_" + Data(repeating: 5, count: 32).base64EncodedString()
    let secret = try #require(WebhookSecret(text))
    let other = try #require(
      WebhookSecret("whsec_" + Data(repeating: 6, count: 32).base64EncodedString())
    )
    let now = Int64(Date().timeIntervalSince1970)
    func verdict(
      _ timestamp: Int64,
      _ secrets: [WebhookSecret],
      body: String = "{}",
      sent: String = "{}"
    ) throws -> String {
      let signatures = secrets.map {
        $0.signature(id: "evt_1", timestamp: timestamp, body: Array(body.utf8))
      }
      return try Self.run(
        """
        headers = {"webhook-id": "evt_1", "webhook-timestamp": "\(timestamp)",
                   "webhook-signature": "\(signatures.joined(separator: " "))"}
        print(is_genuine(headers, b"\(sent)", "\(text)"))
        """
      )
    }
    #expect(try verdict(now, [secret]) == "True\n")
    #expect(try verdict(now, [other, secret]) == "True\n")
    #expect(try verdict(now, [other]) == "False\n")
    #expect(try verdict(now - 400, [secret]) == "False\n")
    #expect(try verdict(now, [secret], sent: "{ }") == "False\n")
  }

  @Test("a message of somebody else is refused, whatever it has in place of the headers")
  func malformed() throws {
    let verdicts = try Self.run(
      """
      secret, now = "whsec_" + base64.b64encode(bytes(32)).decode(), str(int(time.time()))
      for headers in [{}, {"webhook-id": "1"}, {"webhook-timestamp": now}, {"webhook-timestamp": "abc"},
                      {"webhook-timestamp": "\u{b2}"}, {"webhook-timestamp": now, "webhook-signature": "v1,\u{e9}"}]:
          print(is_genuine(headers, b"{}", secret))
      """
    )
    #expect(verdicts == String(repeating: "False\n", count: 6))
  }

  /// What a program prints that begins with the document's lines.
  private static func run(_ program: String) throws -> String {
    let document = try Repository.text("docs/webhooks.md")
    let check = try #require(
      document.components(separatedBy: "```python\n").last?.components(separatedBy: "```").first
    )
    let process = Process()
    let pipe = Foundation.Pipe()
    process.executableURL = URL(filePath: Python.path)
    process.arguments = ["-c", check + program]
    process.standardOutput = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: output, as: UTF8.self)
  }
}
