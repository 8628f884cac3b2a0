import Attack
import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

@Suite("Attacks: a server that answers with anything")
struct WireAttackTests {
  private static let answers = [
    Sample.created,
    Sample.http(
      "200 OK",
      "{\"data\":[\(Sample.codeText())],\"pagination\":{}}",
      headers: ["age: 0"]
    ),
    Sample.http(
      "429 Too Many Requests",
      #"{"message":"slow","code":"slow"}"#,
      headers: ["retry-after: 3"]
    ),
    "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"cod\r\n6\r\nes\":[]\r\n1\r\n}\r\n0\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n" + Sample.created,
    Sample.http("503 Service Unavailable", "<html>", headers: ["content-encoding: gzip"]),
  ]
  private static let words = [
    "\r\n", "\r\n\r\n", "HTTP/1.1 201 Created", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/0.9",
    "HTTP/2",
    "content-length: 0", "content-length: 99999999999", "transfer-encoding: chunked", "0\r\n\r\n",
    "fffffff\r\n",
    "connection: close", "location: http://evil.example/", "content-encoding: gzip", ": ", "\0",
  ]

  /// The answer of which request comes how is up to the input; then the server closes, so that none is
  /// waited for.
  @Test("the daemon survives every answer, issues only what it shows, and never shows its key")
  func answers() async throws {
    let next = NextAnswer()
    let server = try await RawServer.start { peer, moment in
      guard case .body = moment else { return }
      peer.sendAndClose(next.bytes)
    }
    let findings = try await tried(server, next)
    for finding in findings { Issue.record("\(finding)") }
    _ = try await server.end()
  }

  private func tried(_ server: RawServer, _ next: NextAnswer) async throws
    -> [Attack.Finding]
  {
    let client = APIClient(
      try APIConfiguration(
        baseURL: "http://127.0.0.1:\(server.port)",
        key: APIKey(testKey),
        timeout: .seconds(60),
        version: "1.2.3"
      )
    )
    let attack = Attack("answers on the wire", corpus: Self.answers, dictionary: Self.words)
    var findings: [Attack.Finding] = []
    findings = await attack.run(share: 0.2) { bytes in
      next.bytes = bytes
      let report = await client.generate(prefix: "SUMMER")
      var shown = "\(report)"
      if case .issued(let issued) = report.outcome {
        let text = String(decoding: bytes, as: UTF8.self).lowercased()
        let isInvented = issued.codes.contains {
          !text.contains("\($0.id)") && !text.contains("\\u")
        }
        if isInvented { return "issues what the answer does not show" }
      }
      if case .success(let page) = await client.list(Sample.reward, offset: 0, limit: 10).value {
        shown += "\(page)"
      }
      shown += "\(await client.checkTeam().value)"
      return shown.contains(testKey) ? "shows the key" : nil
    }
    await client.shutdown()
    return findings
  }
}

/// What the server answers next.
private final class NextAnswer: Sendable {
  private let state = Mutex<[UInt8]>([])

  var bytes: [UInt8] {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}
