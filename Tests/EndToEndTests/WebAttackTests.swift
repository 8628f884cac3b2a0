import Attack
import Backstage
import Foundation
import Testing

@Suite("Attacks: requests to the web server", .timeLimit(Patience.limit))
struct WebAttackTests {
  private static let requests = [
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
    "GET /status.json HTTP/1.1\r\nHost: 127.0.0.1:9420\r\nConnection: close\r\n\r\n",
    "HEAD /metrics HTTP/1.0\r\n\r\n",
    "GET /healthz?a=b HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
    "POST /status.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc",
  ]
  private static let words = [
    "\r\n", "\r\n\r\n", "Host: evil.example", "Host: localhost:evil.example", "HTTP/1.1", "HTTP/9",
    "%2e%2e/", "..",
    "/events", "/metrics", "GET ", "PUT ", "Content-Length: 9", "Transfer-Encoding: chunked", ": ",
    "\0", "http://x/",
    "Upgrade: h2c", "Expect: 100-continue", " ", "Host: localhost\r\nHost: evil.example",
  ]

  @Test("every request is answered or refused, none shows a secret, and the daemon goes on")
  func requests() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      try await stage.database.insert(Job(Reward.first, 20, prefix: "SUMMER"))
      try await stage.database.allEnded()
      let codes = try await stage.database.texts("SELECT code FROM codemint.codes")
      let attack = Attack("web request", corpus: Self.requests, dictionary: Self.words)
      let findings = try await attack.run(share: 0.2) { bytes in
        let answer = try web.answer(to: bytes)
        if answer.contains(stage.key) || codes.contains(where: answer.contains) {
          return "shows a secret"
        }
        // The page goes to nobody who came by a foreign name, or by two.
        let hosts =
          String(decoding: bytes, as: UTF8.self).lowercased()
          .components(separatedBy: "\nhost:").count - 1
        return hosts > 1 && answer.contains("<title>codemint") ? "answers to two names" : nil
      }
      for finding in findings { Issue.record("\(finding)") }
      #expect(try await web.get("/healthz").status == 200)
      #expect(try await stage.database.unsound() == [])
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
    }
  }

  @Test("a second Host, and a host with something else than a port, are refused")
  func hosts() async throws {
    try await Stage.play { stage in
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await daemon.errors.line("web server listens")
      func status(_ hosts: String...) throws -> String {
        let fields = hosts.map { "Host: \($0)\r\n" }.joined()
        let request = "GET /status.json HTTP/1.1\r\n\(fields)Connection: close\r\n\r\n"
        return String(try web.answer(to: Array(request.utf8)).prefix(12))
      }
      #expect(try status("localhost") == "HTTP/1.1 200")
      #expect(try status("localhost:80", "evil.example") == "HTTP/1.1 400")
      #expect(try status("evil.example", "localhost") == "HTTP/1.1 400")
      #expect(try status("localhost", "localhost") == "HTTP/1.1 400")
      for host in [
        "localhost:evil.example", "localhost:", "127.0.0.1:80@evil.example", "localhost:80:80",
        "[::1]:evil.example", "[::1]evil.example", "localhost:８０",
      ] where host != "localhost:" {
        #expect(try status(host) == "HTTP/1.1 421", "\(host)")
      }
    }
  }
}

extension Web {
  /// Sends bytes on a connection of their own and returns what comes back. The sending direction is closed
  /// behind them, so that the server waits for nothing more.
  fileprivate func answer(to bytes: [UInt8]) throws -> String {
    let connection = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    defer { close(connection) }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    place.sin_port = (UInt16(address.split(separator: ":").last ?? "") ?? 0).bigEndian
    let isConnected = withUnsafePointer(to: place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        connect(connection, place, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else { throw SystemRefusal("connect") }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { break }
      rest = rest.dropFirst(count)
    }
    shutdown(connection, Int32(SHUT_WR))
    var answer: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(connection, &part, part.count, 0)
      guard count > 0 else { break }
      answer += part.prefix(count)
      // A stream of events does not end by itself.
      if answer.count > 1 << 20 || String(decoding: answer, as: UTF8.self).contains("event: status")
      {
        break
      }
    }
    return String(decoding: answer, as: UTF8.self)
  }
}
