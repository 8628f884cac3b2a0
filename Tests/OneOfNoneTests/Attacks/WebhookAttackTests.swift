import Attack
import Foundation
import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

@Suite("Attacks: webhooks")
struct WebhookAttackTests {
  private static let token = "t0ken-that-must-never-show"

  @Test("a URL that is accepted leads to the host that is judged, for whoever reads it")
  func urls() async {
    let corpus = [
      "https://shop.example/hooks/?t=\(Self.token)", "http://127.0.0.1:8089/a/../b;c=1",
      "http://[::1]:80/", "https://Shop.Example:443", "https://xn--bcher-kva.example/%41%zz",
      "https://10.0.0.1/@evil.example/", "https://a_b.example./?a=https://c.example/",
    ]
    let words = [
      "@", ":", "//", "/../", "?", "#", "\\", "%2F", "%00", "%", "[", "]", "xn--", "127.0.0.1",
      "0x7f.1",
      "evil.example", "\r\n", "\0", "。", "é", "&", ".", "[::ffff:7f00:1]", "%25eth0",
    ]
    let attack = Attack("webhook URL", corpus: corpus, dictionary: words)
    let findings = await attack.run { bytes in
      let url: BaseURL
      do throws(ConfigurationError) {
        url = try BaseURL(webhook: String(decoding: bytes, as: UTF8.self))
      } catch {
        return "\(error)".contains(Self.token) ? "shows what may be a token" : nil
      }
      // As the HTTP client reads it.
      guard let read = URL(string: url.text) else { return "nobody else can read it" }
      if read.user != nil || read.password != nil { return "has a user or a password" }
      if read.scheme != (url.isPlain ? "http" : "https") {
        return "has the scheme \(read.scheme ?? "-")"
      }
      let host = read.host.map { $0.hasPrefix("[") ? String($0.dropFirst().dropLast()) : $0 }
      return host == url.host ? nil : "leads to \(host ?? "-"), and \(url.host) is judged"
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  @Test("whatever a receiver answers, what counts is its status, and nothing else of it is shown")
  func answers() async throws {
    let corpus = [
      "HTTP/1.1 204 No Content\r\n\r\n",
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n\(Self.token.prefix(5))",
      "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 307 Elsewhere\r\nlocation: https://\(Self.token)/\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 410 Gone\r\nx: \(Self.token)\r\ncontent-length: 0\r\n\r\n",
      "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 \(Self.token)\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ]
    let words = [
      "\r\n", "\r\n\r\n", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/0.9",
      "content-length: 99999999999\r\n",
      "transfer-encoding: chunked\r\n", "fffffffff\r\n", "retry-after: -1\r\n",
      "retry-after: 1e99\r\n",
      "content-encoding: gzip\r\n", "connection: upgrade\r\n", "101 Switching", Self.token, "\0",
    ]
    let next = Mutex<[UInt8]>([])
    let server = try await RawServer.start { peer, moment in
      guard case .body = moment else { return }
      peer.sendAndClose(next.withLock { $0 })
    }
    let poster = try WebhookPoster(
      BaseURL(webhook: "http://127.0.0.1:\(server.port)/"),
      allowsPrivate: true,
      timeout: .seconds(60),
      caFile: nil,
      version: "1.2.3"
    )
    let attack = Attack("answers of receivers", corpus: corpus, dictionary: words)
    let findings = await attack.run(share: 0.2) { bytes in
      next.withLock { $0 = bytes }
      let outcome = await poster.post(Array("{}".utf8), headers: [], attempt: 1)
      if (outcome.ending == .delivered) != (outcome.status.map { 200..<300 ~= $0 } ?? false) {
        return "is \(outcome.ending) by the status \(outcome.status ?? 0)"
      }
      if let asked = outcome.asked, asked < .zero { return "asks for a pause of \(asked)" }
      return "\(outcome)".contains(Self.token) ? "shows what the receiver wrote" : nil
    }
    for finding in findings { Issue.record("\(finding)") }
    _ = try await server.end()
  }
}
