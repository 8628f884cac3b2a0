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
    }
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
