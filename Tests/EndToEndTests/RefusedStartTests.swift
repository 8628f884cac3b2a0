import Backstage
import Foundation
import Testing

@Suite("Starts that are refused", .timeLimit(Patience.limit))
struct RefusedStartTests {
  /// Something that an operator got wrong, and what the message says.
  struct Mistake: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var environment: [String: String?] = [:]
    /// The settings file; none if nil.
    var file: String?
    var arguments: [String] = []
    let says: [String]
  }

  private static let mistakes = [
    Mistake(
      testDescription: "an unknown name in the environment",
      environment: ["CODEMINT_LIMITS_BRUST": "5"],
      says: ["CODEMINT_LIMITS_BRUST in the environment", "did you mean CODEMINT_LIMITS_BURST?"]
    ),
    Mistake(
      testDescription: "an unknown key in the file",
      file: "limits:\n  max_in_flihgt: 3\n",
      says: ["limits.max_in_flihgt", "codemint.yaml, line 2", "did you mean limits.max_in_flight?"]
    ),
    Mistake(
      testDescription: "the key in the file",
      file: "# secrets\napi:\n  key: never-to-be-shown\n",
      says: ["api.key", "codemint.yaml, line 3", "this secret must not be in this file"]
    ),
    Mistake(
      testDescription: "limits out of their range",
      environment: [
        "CODEMINT_LIMITS_REQUESTS_PER_SECOND": "0", "CODEMINT_LIMITS_MAX_IN_FLIGHT": "1001",
      ],
      file: "lease:\n  seconds: 4\n",
      arguments: ["--burst", "many"],
      says: [
        "limits.requests_per_second (CODEMINT_LIMITS_REQUESTS_PER_SECOND in the environment)",
        "limits.max_in_flight (CODEMINT_LIMITS_MAX_IN_FLIGHT in the environment)",
        "limits.burst (the flag --burst)", "codemint.yaml, line 2", "from 5 to 3600",
      ]
    ),
    Mistake(
      testDescription: "plain http to another host",
      environment: ["CODEMINT_API_BASE_URL": "http://api.example.org"],
      says: ["api.base_url (CODEMINT_API_BASE_URL in the environment)", "http"]
    ),
    Mistake(
      testDescription: "no key",
      environment: ["CODEMINT_API_KEY": nil],
      says: ["api.key", "no API key is given", "CODEMINT_API_KEY"]
    ),
    Mistake(
      testDescription: "a URL for listening that is none",
      environment: ["CODEMINT_DATABASE_LISTEN_URL": "postgresql://never-to-be-shown@[/"],
      says: ["database.listen_url (CODEMINT_DATABASE_LISTEN_URL in the environment)"]
    ),
    Mistake(
      testDescription: "a database URL that is none",
      environment: ["CODEMINT_DATABASE_URL": "postgresql://never-to-be-shown@[/"],
      says: ["database.url (CODEMINT_DATABASE_URL in the environment)"]
    ),
  ]

  @Test(
    "a wrong setting ends it with 78, and the message says which and where",
    arguments: mistakes
  )
  func settings(mistake: Mistake) async throws {
    try await Stage.play(.empty) { stage in
      var environment = mistake.environment
      if let file = mistake.file {
        let path = "\(stage.directory)/codemint.yaml"
        try file.write(toFile: path, atomically: true, encoding: .utf8)
        environment["CODEMINT_CONFIG"] = path
      }
      let daemon = try stage.codemint(["run"] + mistake.arguments, environment)

      #expect(try await daemon.end() == .status(78))
      let message = try await daemon.everything().joined(separator: "\n")
      for words in mistake.says { #expect(message.contains(words)) }
      #expect(!message.contains("never-to-be-shown"))
    }
  }

  @Test(
    "what is wrong with other settings keeps nobody from the ledger: one line says it, the status is 0"
  )
  func ledgerAlone() async throws {
    try await Stage.play { stage in
      try await stage.database.insert(Job(Reward.first, 10))
      let path = "\(stage.directory)/codemint.yaml"
      try "limits:\n  burst: many\nwebhooks: 5\n".write(
        toFile: path,
        atomically: true,
        encoding: .utf8
      )
      let place = ["CODEMINT_CONFIG": path]
      for arguments in [
        ["status"], ["status", "--json"], ["why", "1"], ["pause", "1"], ["resume", "1"], ["calls"],
        ["limits"], ["webhook", "list"], ["enqueue", Reward.second, "10"],
      ] {
        let command = try stage.codemint(arguments, place)
        #expect(try await command.end() == .status(0), "\(arguments)")
        let said = try await command.errors.whole()
        #expect(said.count == 1 && said[0].contains("no daemon starts with these settings"))
        #expect(said[0].contains("webhooks") && said[0].contains("1 more, see codemint doctor"))
      }
      #expect(try await stage.codemint(["run"], place).end() == .status(78))
      #expect(try await stage.codemint(["doctor"], place).end() == .status(1))
      let elsewhere = ["CODEMINT_DATABSE_URL": stage.database.url]
      #expect(try await stage.codemint(["pause", "1"], elsewhere).end() == .status(78))
    }
  }

  @Test("a database without the schema ends it with 78, and the message says what to do")
  func schemaMissing() async throws {
    try await Stage.play(.empty) { stage in
      let daemon = try stage.daemon()
      #expect(try await daemon.end() == .status(78))
      try await daemon.errors.line("run `codemint migrate`")
    }
  }

  @Test("a schema from the future ends it with 78, and the message says what to do")
  func schemaAhead() async throws {
    try await Stage.play { stage in
      try await stage.database.run(
        "INSERT INTO codemint.migrations (number, name, checksum) VALUES (999, 'later', 'none')"
      )
      let daemon = try stage.daemon()
      #expect(try await daemon.end() == .status(78))
      let message = try await daemon.errors.line("the schema is at migration 999")
      #expect(message.contains("install the codemint that migrated it"))
    }
  }

  @Test(
    "a wrong command line ends it with 64 and the usage",
    arguments: [
      ["run", "--quickly"], ["fly"], ["enqueue", Reward.first, "many"], ["status", "x"],
    ]
  )
  func commandLine(arguments: [String]) async throws {
    let process = try CodemintProcess(arguments, environment: [:])
    #expect(try await process.end() == .status(64))
    #expect(try await process.everything().joined().contains("Usage: codemint"))
  }
}
