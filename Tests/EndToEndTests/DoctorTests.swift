import Foundation
import Testing

@Suite("codemint doctor and watch", .timeLimit(Patience.limit))
struct DoctorTests {
  private struct Finding: Decodable {
    let subject: String
    let verdict: String
    let observation: String
    let remedy: String?
  }

  @Test("all is well: every line is ok, but for secrets in the environment, and the status is 0")
  func well() async throws {
    try await Stage.play { stage in
      let doctor = try stage.codemint(["doctor"])
      #expect(try await doctor.end() == .status(0))
      let lines = try await doctor.output.whole()
      for words in ["ok       database", "ok       schema", "ok       wakes", "ok       API"] {
        #expect(lines.contains { $0.hasPrefix(words) }, "\(words)")
      }
      #expect(lines.contains { $0.hasPrefix("warning  api.key") })
      #expect(try await doctor.everything().allSatisfy { !$0.contains(stage.key) })
    }
  }

  @Test("a key that is refused, a schema that is missing: failed, with what to do, and status 1")
  func ill() async throws {
    try await Stage.play(.empty) { stage in
      let doctor = try stage.codemint(["doctor", "--json"], ["CODEMINT_API_KEY": "wrong"])
      #expect(try await doctor.end() == .status(1))
      let text = try await doctor.output.whole().joined(separator: "\n")
      let findings = try JSONDecoder().decode([Finding].self, from: Data(text.utf8))
      let failed = findings.filter { $0.verdict == "failed" }
      #expect(failed.map(\.subject) == ["schema", "API"])
      #expect(failed.allSatisfy { $0.remedy != nil })
    }
  }

  @Test("a database and an API that are not there are named, each by itself")
  func nobodyThere() async throws {
    try await Stage.play(.empty) { stage in
      let doctor = try stage.codemint(
        ["doctor"],
        [
          "CODEMINT_DATABASE_URL": "postgresql://127.0.0.1:1/x",
          "CODEMINT_API_BASE_URL": "http://127.0.0.1:1",
        ]
      )
      #expect(try await doctor.end() == .status(1))
      let lines = try await doctor.output.whole()
      #expect(lines.contains { $0.hasPrefix("failed   database") })
      #expect(lines.contains { $0.hasPrefix("failed   API") })
      // libpq says in two lines that nobody listens.
      let beginnings = ["ok       ", "warning  ", "failed   ", "         "]
      #expect(lines.allSatisfy { line in beginnings.contains { line.hasPrefix($0) } })
    }
  }

  @Test("wrong settings are findings beside what can still be checked")
  func wrongSettings() async throws {
    try await Stage.play { stage in
      let file = "\(stage.directory)/codemint.yaml"
      try "limits:\n  burst: many\n  pace: 3\napi:\n  key: abc\n".write(
        toFile: file,
        atomically: true,
        encoding: .utf8
      )
      let findings = try await Self.findings(
        stage,
        ["CODEMINT_CONFIG": file, "CODEMINT_LEASE_SECONDS": "0"]
      )
      let wrong = findings.filter { $0.subject == "settings" }
      #expect(wrong.count == 4 && wrong.allSatisfy { $0.verdict == "failed" })
      for (name, remedy) in [
        ("limits.burst (", "correct \(file), line 2"), ("limits.pace (", "correct \(file), line 3"),
        ("api.key (", "correct \(file), line 5"),
        ("lease.seconds (", "correct or unset CODEMINT_LEASE_SECONDS in the environment"),
      ] {
        #expect(wrong.contains { $0.observation.hasPrefix(name) && $0.remedy == remedy }, "\(name)")
      }
      for subject in ["database", "schema", "wakes"] {
        #expect(findings.contains { $0.subject == subject && $0.verdict == "ok" }, "\(subject)")
      }
      // The key would be shown to whoever is there.
      #expect(findings.last?.observation == "not checked: api.key is wrong")
    }
  }

  @Test(
    "with a settings file that cannot be read, no other server is taken for the one that is meant"
  )
  func unreadFile() async throws {
    try await Stage.play { stage in
      let findings = try await Self.findings(
        stage,
        ["CODEMINT_CONFIG": "/nonexistent.yaml", "CODEMINT_API_BASE_URL": nil]
      )
      #expect(findings.first?.observation.contains("this settings file does not exist") == true)
      #expect(findings.contains { $0.subject == "database" && $0.verdict == "ok" })
      let api = try #require(findings.last)
      #expect(api.subject == "API" && api.verdict == "warning")
      #expect(api.observation.contains("api.base_url may be in /nonexistent.yaml"))
    }
  }

  @Test("an account that is tried again is a warning, one that is blocked has failed")
  func account() async throws {
    try await Stage.play { stage in
      try await stage.database.run("UPDATE codemint.account SET failures = 2")
      let trying = try await Self.findings(stage, endsWith: 0).first { $0.subject == "account" }
      #expect(trying?.verdict == "warning")
      #expect(trying?.observation == "trying: one call at a time until one is clean")
      try await stage.database.run(
        "UPDATE codemint.account SET blocked_at = now(), blocked_message = 'no'"
      )
      let blocked = try await Self.findings(stage).first { $0.subject == "account" }
      #expect(blocked?.verdict == "failed" && blocked?.remedy != nil)
    }
  }

  @Test("what the API was seen to do is told with what it means; a contradiction is a warning")
  func facts() async throws {
    try await Stage.play { stage in
      func facts() async throws -> [Finding] {
        try await Self.findings(stage, endsWith: 0).filter { $0.subject == "API facts" }
      }
      let none = try await facts()
      #expect(none.map(\.observation) == ["no answer and no list has been seen yet"])
      try await stage.database.run("SELECT codemint.record_fact('list_texts', '', 'same', 7)")
      let same = try await facts()
      #expect(same.map(\.verdict) == ["ok"])
      #expect(same[0].observation.hasPrefix("Lists show codes with the texts of their answers"))
      #expect(
        same[0].observation.hasSuffix(
          "7 witness(es)). Codes that a listing finds can be handed on."
        )
      )
      try await stage.database.run("SELECT codemint.record_fact('list_texts', '', 'other', 2)")
      let both = try await facts()
      #expect(both.map(\.verdict) == ["warning", "warning"])
      #expect(both.allSatisfy { $0.observation.hasPrefix("contradicted: Lists show codes with") })
      #expect(both[0].remedy?.contains("CodemintAPIContradicted") == true)
    }
  }

  @Test("a database URL without a password may stand in a file that everybody reads")
  func openURL() async throws {
    try await Stage.play { stage in
      for (url, status) in [
        (stage.database.url, Int32(0)), (stage.database.passwordURL, 1),
      ] {
        let file = "\(stage.directory)/codemint.yaml"
        try "database:\n  url: \(url)\n".write(toFile: file, atomically: true, encoding: .utf8)
        let findings = try await Self.findings(
          stage,
          ["CODEMINT_CONFIG": file, "CODEMINT_DATABASE_URL": nil],
          endsWith: status
        )
        let verdict = findings.first { $0.subject == "database.url" }?.verdict
        #expect(verdict == (status == 0 ? "ok" : "failed"))
      }
    }
  }

  /// What `doctor --json` finds.
  private static func findings(
    _ stage: Stage,
    _ settings: [String: String?] = [:],
    endsWith status: Int32 = 1
  ) async throws -> [Finding] {
    let doctor = try stage.codemint(["doctor", "--json"], settings)
    #expect(try await doctor.end() == .status(status))
    let text = try await doctor.output.whole().joined(separator: "\n")
    return try JSONDecoder().decode([Finding].self, from: Data(text.utf8))
  }

  @Test("a file with a secret that others can read is failed")
  func openFile() async throws {
    try await Stage.play { stage in
      let file = "\(stage.directory)/api-key"
      try stage.key.write(toFile: file, atomically: true, encoding: .utf8)
      for (mode, status) in [(0o644, Int32(1)), (0o600, 0)] {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: file)
        let doctor = try stage.codemint(
          ["doctor"],
          ["CODEMINT_API_KEY": nil, "CREDENTIALS_DIRECTORY": stage.directory]
        )
        #expect(try await doctor.end() == .status(status))
      }
    }
  }

  @Test("watch ends with the jobs that it was given, with 1 if one of them failed")
  func watch() async throws {
    try await Stage.play { stage in
      _ = try stage.daemon()
      try await stage.database.insert(Job(Reward.first, 1200), Job(Reward.unknown, 5))
      let both = try stage.codemint(["watch", "1", "2"])
      #expect(try await both.end() == .status(1))
      #expect(both.output.count("job 1: completed, 1200 of 1200 codes") == 1)
      let good = try stage.codemint(["watch", "1"])
      #expect(try await good.end() == .status(0))
      let none = try stage.codemint(["watch", "77"])
      #expect(try await none.end() == .status(65))
    }
  }
}
