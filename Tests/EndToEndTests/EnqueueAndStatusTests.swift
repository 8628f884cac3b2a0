import Backstage
import Foundation
import Testing

@Suite("codemint enqueue and status", .timeLimit(Patience.limit))
struct EnqueueAndStatusTests {
  /// What producers and operators have no need of.
  private static let noKey: [String: String?] = ["CODEMINT_API_KEY": nil]

  private struct Inserted: Decodable {
    let job: Int64
    let isNew: Bool

    enum CodingKeys: String, CodingKey {
      case job
      case isNew = "is_new"
    }
  }

  @Test("enqueue prints the job's number; with --wait it ends as the job does")
  func waits() async throws {
    try await Stage.play { stage in
      _ = try stage.daemon()
      let good = try stage.codemint(
        [
          "enqueue", Reward.first, "1200", "--prefix", "VIP", "--priority", "0", "--metadata",
          #"{"campaign": 7}"#, "--dedupe-key", "only-once", "--wait",
        ],
        Self.noKey
      )
      #expect(try await good.end() == .status(0))
      #expect(try await good.output.whole() == ["1"])
      #expect(good.errors.count("job 1: completed, 1200 of 1200 codes") == 1)
      #expect(try await stage.database.unsound() == [])

      // A program that does not know whether it has inserted the job asks again.
      let again = try stage.codemint(
        [
          "enqueue", Reward.first, "1200", "--prefix", "VIP", "--dedupe-key", "only-once", "--wait",
        ],
        Self.noKey
      )
      #expect(try await again.end() == .status(0))
      #expect(try await again.output.whole() == ["1"])
      #expect(again.errors.count("job 1 was inserted before with this key") == 1)

      let json = try stage.codemint(["enqueue", Reward.second, "3", "--json"], Self.noKey)
      #expect(try await json.end() == .status(0))
      let printed = Data(try await json.output.whole().joined(separator: "\n").utf8)
      let inserted = try JSONDecoder().decode(Inserted.self, from: printed)
      // The number that the second attempt drew is left out.
      #expect(inserted.job == 3 && inserted.isNew)

      let bad = try stage.codemint(["enqueue", Reward.unknown, "5", "--wait"], Self.noKey)
      #expect(try await bad.end() == .status(1))
      #expect(bad.errors.count("job 4 is failed: there is no reward with this id") == 1)
    }
  }

  /// Arguments behind the reward, and the sentence that refuses them.
  private static let refusals: [([String], String)] = [
    (["0"], "count must be from 1 to 1000000"),
    (["7", "--prefix", String(repeating: "P", count: 33)], "prefix must have 1 to 32 characters"),
    (["7", "--priority", "12"], "priority must be from 0 (first) to 9 (last)"),
    (["7", "--metadata", "[]"], "metadata must be a JSON object"),
    (["7", "--run-at", "infinity"], "run_at must be a time in the years 1970 to 9999"),
    (
      ["8", "--dedupe-key", "taken"], "another job was inserted before with this dedupe_key: job 1"
    ),
    (["7", "--run-at", "never"], "timestamp"),
  ]

  @Test("what the database refuses ends with 65 and its sentence")
  func refused() async throws {
    try await Stage.play { stage in
      let first = try stage.codemint(["enqueue", Reward.first, "7", "--dedupe-key", "taken"])
      #expect(try await first.end() == .status(0))
      for (arguments, sentence) in Self.refusals {
        let process = try stage.codemint(["enqueue", Reward.first] + arguments, Self.noKey)
        #expect(try await process.end() == .status(65))
        let message = try await process.errors.whole().joined(separator: "\n")
        #expect(message.contains(sentence))
        #expect(try await process.output.whole() == [])
      }
      for command in [
        ["enqueue", "not-an-id", "7"], ["audit", "not-an-id"],
        ["resolve", "not-an-id", "absent", "--note", "x"],
      ] {
        let process = try stage.codemint(command)
        #expect(try await process.end() == .status(64), "\(command)")
        #expect(process.errors.count(#"must be a UUID, not "not-an-id""#) == 1)
      }
      #expect(try await stage.database.number("SELECT count(*) FROM codemint.jobs") == 1)
    }
  }

  /// What `status --json` prints, as a script reads it.
  private struct Report: Decodable {
    struct Account: Decodable {
      let state: String
      let workers: Int
    }
    struct Job: Decodable {
      let id: Int64
      let reward: String
      let state: String
      let count: Int
      let issued: Int
      let errorCode: String?

      enum CodingKeys: String, CodingKey {
        case id, state, count, issued
        case reward = "reward_id"
        case errorCode = "error_code"
      }
    }
    let account: Account
    let jobs: [Job]
  }

  @Test("status shows jobs and the account, as a table and as JSON")
  func status() async throws {
    try await Stage.play { stage in
      let daemon = try stage.daemon()
      try await stage.database.insert(Job(Reward.first, 510), Job(Reward.unknown, 3))
      try await stage.database.allEnded()

      let table = try stage.codemint(["status"], Self.noKey)
      #expect(try await table.end() == .status(0))
      let lines = try await table.output.whole()
      #expect(lines.first == "all well: no open jobs; 1 job has failed within a day")
      let account = "account open, API \(stage.baseURL) (SANDBOX: no code of it is real), "
      #expect(lines.contains(account + "500 requests/s, 0 in flight, 1 worker(s)"))
      #expect(lines.contains { $0.split(separator: " ").prefix(3) == ["JOB", "STATE", "ISSUED"] })
      #expect(
        lines.contains { $0.split(separator: " ").prefix(4) == ["1", "completed", "510", "510"] }
      )
      #expect(lines.contains { $0.contains("reward_not_found: there is no reward with this id") })

      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      let alone = try stage.codemint(["status"], Self.noKey)
      #expect(try await alone.end() == .status(0))
      #expect(try await alone.output.whole().first?.hasPrefix("NO DAEMON RUNNING") == true)
      let json = try stage.codemint(["status", "--json", "1", "2"], Self.noKey)
      #expect(try await json.end() == .status(0))
      let text = try await json.output.whole().joined(separator: "\n")
      let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
      #expect(report.account.state == "open" && report.account.workers == 0)
      // Which of them ended last comes first.
      let jobs = report.jobs.sorted { $0.id < $1.id }
      #expect(jobs.map(\.id) == [1, 2])
      #expect(jobs.map(\.reward) == [Reward.first, Reward.unknown])
      #expect(jobs.map(\.state) == ["completed", "failed"])
      #expect(jobs.map(\.issued) == [510, 0])
      #expect(jobs.map(\.errorCode) == [nil, "reward_not_found"])
    }
  }

  @Test("a job that does not exist is named, with status 65; without a schema it is 78")
  func missing() async throws {
    try await Stage.play { stage in
      let process = try stage.codemint(["status", "999"], Self.noKey)
      #expect(try await process.end() == .status(65))
      #expect(try await process.errors.whole().joined().contains("there is no job 999"))
    }
    try await Stage.play(.empty) { stage in
      for arguments in [["status"], ["enqueue", Reward.first, "1"]] {
        let process = try stage.codemint(arguments, Self.noKey)
        #expect(try await process.end() == .status(78))
        #expect(try await process.errors.whole().joined().contains("run `codemint migrate`"))
      }
    }
  }

  @Test("a database that cannot be reached ends a command with 75")
  func unreachable() async throws {
    let door = try ClosedDoor()
    let process = try CodemintProcess(
      ["status"],
      environment: [
        "CODEMINT_CONFIG": "/dev/null",
        "CODEMINT_DATABASE_URL": "postgresql://nobody@127.0.0.1:\(door.port)/nothing",
      ]
    )
    #expect(try await process.end() == .status(75))
    #expect(try await process.errors.whole().joined().contains("could not connect"))
  }

  @Test("status says what needs a person and how many jobs it leaves out; why says all about one")
  func trouble() async throws {
    try await Stage.play { stage in
      for _ in 1...5 { try await stage.database.insert(Job(Reward.first, 10)) }
      try await stage.database.run(
        """
        UPDATE codemint.jobs SET held = true, is_new = false, queue_position = NULL,
          next_call_at = NULL, error_code = 'forbidden', error_message = 'not this one' WHERE id = 2;
        """
      )
      let status = try stage.codemint(["status", "--limit", "2"], Self.noKey)
      #expect(try await status.end() == .status(0))
      let lines = try await status.output.whole()
      #expect(lines.first == "NO DAEMON RUNNING; 1 job needs you")
      #expect(lines.contains("  codemint retry 2 --note 'why'  # when the cause has been mended"))
      let rows = lines.drop { !$0.contains("STATE") }.dropFirst()
      #expect(rows.first?.split(separator: " ").prefix(2) == ["2", "queued,held"])
      #expect(rows.first?.hasSuffix("forbidden: not this one") == true)
      #expect(lines.last?.hasPrefix("2 of 5 open jobs; to see more or others: --limit") == true)
      #expect(!lines.contains { $0.contains("\u{1B}") })

      let why = try stage.codemint(["why", "2"], Self.noKey)
      #expect(try await why.end() == .status(0))
      let words = try await why.output.whole()
      #expect(words.contains("reason      held: forbidden: not this one"))
      #expect(
        words.contains(
          "helps       codemint retry 2 --note 'why'  # when the cause has been mended"
        )
      )
      let missing = try stage.codemint(["why", "999"], Self.noKey)
      #expect(try await missing.end() == .status(65))

      for (arguments, outcome) in [
        (["priority", "1", "3"], "job 3 has priority 1"),
        (
          ["priority", "1", "3"], "job 3 has priority 1: nothing was done, because it had it before"
        ),
        (["limits", "--burst", "3"], "set; the first daemon that starts brings the other limits"),
        (["limits"], "no limits are in force: no daemon has started yet"),
      ] {
        let process = try stage.codemint(arguments, Self.noKey)
        #expect(try await process.end() == .status(0))
        #expect(try await process.output.whole() == [outcome])
      }
      let actions = try stage.codemint(["actions", "3", "--json"], Self.noKey)
      #expect(try await actions.end() == .status(0))
      let text = try await actions.output.whole().joined(separator: "\n")
      let kept = try #require(
        try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]]
      )
      #expect(kept.count == 1 && kept[0]["action"] as? String == "priority 1")
      #expect(kept[0]["note"] is NSNull && (kept[0]["done_at"] as? String)?.contains("T") == true)
      let calls = try stage.codemint(["calls"], Self.noKey)
      #expect(try await calls.end() == .status(0))
      #expect(try await calls.output.whole() == ["none"])
      for arguments in [
        ["purge", "1"], ["limits", "--reset", "--burst", "3"], ["status", "--state", "odd"],
      ] {
        #expect(
          try await stage.codemint(arguments, Self.noKey).end() == .status(64),
          "\(arguments)"
        )
      }
      for arguments in [["purge", "1", "--for-ever"], ["follow-sync", Reward.first]] {
        #expect(
          try await stage.codemint(arguments, Self.noKey).end() == .status(65),
          "\(arguments)"
        )
      }
    }
  }

  @Test("enqueue --check inserts nothing, and says whether such a job would be taken")
  func checked() async throws {
    try await Stage.play { stage in
      for (count, status, words) in [
        ("10", 0, "it would be taken"), ("0", 65, "it would be refused"),
      ] {
        let plain = try stage.codemint(["enqueue", Reward.first, count, "--check"], Self.noKey)
        #expect(try await plain.end() == .status(Int32(status)))
        #expect(plain.output.count(words) == 1 && plain.output.count("no daemon is at work") == 1)
        let json = try stage.codemint(
          ["enqueue", Reward.first, count, "--check", "--json"],
          Self.noKey
        )
        #expect(try await json.end() == .status(Int32(status)))
        let text = try await json.output.whole().joined(separator: "\n")
        let found = try #require(
          try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        )
        #expect(found["taken"] as? Bool == (status == 0))
        #expect((found["findings"] as? [[String: Any]])?.first?["about"] as? String == "job")
      }
      #expect(try await stage.database.number("(SELECT count(*) FROM codemint.jobs)") == 0)
    }
  }
}
