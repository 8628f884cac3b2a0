import Backstage
import Foundation
import Sandbox
import Testing

@Suite("codemint cancel, pause, resume and retry", .timeLimit(Patience.limit))
struct SteeringTests {
  /// What operators have no need of.
  private static let noKey: [String: String?] = ["CODEMINT_API_KEY": nil]

  @Test("a running job is paused, resumed, cancelled and retried, and ends with exactly its codes")
  func running() async throws {
    let api = SandboxConfiguration(latency: SandboxLatency(fixed: .milliseconds(50)))
    try await Stage.play(api: api) { stage in
      _ = try stage.daemon()
      try await stage.database.insert(Job(Reward.first, 30_000))
      try await stage.requests(3)
      #expect(try await stage.steer("pause", "1", "--note", "wait for the shop") == .status(0))
      try await stage.database.until("(SELECT outstanding = 0 FROM codemint.jobs WHERE id = 1)")
      let asked = stage.sandbox.truth.requests().count
      try await stage.database.insert(Job(Reward.second, 10))
      try await stage.database.until(
        "(SELECT finished_at IS NOT NULL FROM codemint.jobs WHERE id = 2)"
      )
      #expect(stage.sandbox.truth.requests().count == asked + 1)

      #expect(try await stage.steer("resume", "1") == .status(0))
      try await stage.requests(asked + 3)
      #expect(try await stage.steer("cancel", "1") == .status(0))
      try await stage.database.allEnded()
      #expect(
        try await stage.database.texts("SELECT state FROM codemint.jobs WHERE id = 1") == [
          "cancelled"
        ]
      )

      #expect(try await stage.steer("retry", "1") == .status(0))
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      #expect(
        try await stage.count() == Stage.Count(stored: 30_010, distinct: 30_010, made: 30_010)
      )
      let actions = try await stage.database.texts(
        "SELECT action FROM codemint.job_actions ORDER BY id"
      )
      #expect(actions == ["pause", "resume", "cancel", "retry"])
    }
  }

  private struct Outcome: Decodable, Equatable {
    let job: Int64
    let done: Bool
    let outcome: String
  }

  @Test("of several jobs each is told apart, and one that is refused makes it end with 65")
  func several() async throws {
    try await Stage.play { stage in
      try await stage.database.insert(Job(Reward.first, 5), Job(Reward.second, 6))
      let text = try stage.codemint(["cancel", "1", "999", "2"], Self.noKey)
      #expect(try await text.end() == .status(65))
      #expect(
        try await text.output.whole() == [
          "job 1 is cancelled with 0 of 5 codes", "job 2 is cancelled with 0 of 6 codes",
        ]
      )
      #expect(try await text.errors.whole() == ["codemint: there is no job 999"])

      let json = try stage.codemint(["pause", "--json", "1"], Self.noKey)
      #expect(try await json.end() == .status(65))
      let data = Data(try await json.output.whole().joined(separator: "\n").utf8)
      let sentence = "job 1 is cancelled with 0 of 5 codes: there is nothing to pause"
      #expect(
        try JSONDecoder().decode([Outcome].self, from: data)
          == [Outcome(job: 1, done: false, outcome: sentence)]
      )
      #expect(try await stage.steer("retry", "1", "2") == .status(0))
      #expect(try await stage.steer("resume") == .status(64))
    }
  }

  @Test("who resumes or retries a job that needs neither is told that nothing was done, and why")
  func nothingToDo() async throws {
    try await Stage.play { stage in
      try await stage.database.insert(Job(Reward.first, 5), Job(Reward.second, 6))
      for (verb, why) in [
        ("resume", "it is not paused"),
        ("retry", "it has not failed, was not cancelled and is not held"),
      ] {
        let open = try stage.codemint([verb, "1"], Self.noKey)
        #expect(try await open.end() == .status(0))
        let sentence = "job 1 is queued with 0 of 5 codes: nothing was done, because \(why)"
        #expect(try await open.output.whole() == [sentence])
      }
      _ = try stage.daemon()
      try await stage.database.allEnded()
      for verb in ["resume", "retry"] {
        let ended = try stage.codemint([verb, "1"], Self.noKey)
        #expect(try await ended.end() == .status(65))
        let sentence = "job 1 is completed with 5 of 5 codes: there is nothing to \(verb)"
        #expect(try await ended.errors.whole() == ["codemint: \(sentence)"])
      }
    }
  }
}

extension Stage {
  fileprivate func steer(_ arguments: String...) async throws -> CodemintProcess.Ending {
    try await codemint(arguments, ["CODEMINT_API_KEY": nil]).end()
  }
}
