import Ledger
import Testing

@testable import codemint

@Suite("What doctor says about the database's server")
struct ServerTests {
  @Test(
    "a server elsewhere needs TLS and a verified certificate; a server on this machine does not"
  )
  func ways() {
    for (tls, verified, here, verdict) in [
      (true, true, false, Finding.Verdict.ok), (true, false, false, .warning),
      (false, false, false, .warning), (false, true, false, .warning), (false, false, true, .ok),
      (true, false, true, .ok),
    ] {
      let finding = Self.finding(150_004, tls: tls, verified: verified, here: here)
      #expect(finding.verdict == verdict, "\(finding)")
      let mendsIt = finding.remedy?.contains("sslmode=verify-full") == true
      #expect(mendsIt == (verdict == .warning), "\(finding)")
    }
    let plain = Self.finding(150_004, tls: false, verified: false, here: false)
    #expect(plain.observation.hasPrefix("PostgreSQL 15.4, on another machine without TLS"))
  }

  @Test("a version that is too old fails with every kind of connection")
  func old() {
    #expect(Self.finding(140_019, tls: true, verified: true, here: false).verdict == .failed)
    #expect(Self.finding(150_000, tls: true, verified: true, here: false).verdict == .ok)
    // What migrate and the daemon say before they do anything else.
    #expect(
      ServerVersion(130_023).complaint
        == "the server is PostgreSQL 13.23: use PostgreSQL 15 or later"
    )
    #expect(ServerVersion(180_001).complaint == nil)
  }

  @Test("the documents and the package name the oldest version that the tests run on")
  func named() throws {
    let words = "\(ServerVersion.oldest)".split { " .".contains($0) }
    let oldest = try #require(words.dropFirst().first)
    for (file, text) in [
      ("README.md", "| Postgres | \(oldest) or later"),
      ("docs/compatibility.md", "refuse a server before \(oldest) "),
      ("scripts/debian/control.in", "postgresql (>= \(oldest))"),
    ] {
      #expect(try Repository.text(file).contains(text), "\(file)")
    }
  }

  private static func finding(_ version: Int, tls: Bool, verified: Bool, here: Bool) -> Finding {
    ServerExamination(
      version: ServerVersion(version),
      usesTLS: tls,
      isVerified: verified,
      isHere: here,
      took: .milliseconds(3)
    ).finding
  }
}
