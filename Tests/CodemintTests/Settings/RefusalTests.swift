import Testing

@testable import codemint

@Suite("Settings with which codemint refuses to start")
struct RefusalTests {
  static let wrong: [(setting: Setting, text: String)] = [
    (.apiTimeout, "0"), (.apiTimeout, "601"), (.apiTimeout, "30.5"), (.apiTimeout, "30s"),
    (.requestsPerSecond, "0"), (.requestsPerSecond, "-1"), (.requestsPerSecond, "10001"),
    (.requestsPerSecond, "nan"), (.requestsPerSecond, "inf"), (.requestsPerSecond, "five"),
    (.burst, "0"), (.burst, "1001"), (.burst, "1.5"), (.burst, "many"), (.maxInFlight, "0"),
    (.maxInFlight, "1001"), (.maxInFlightPerReward, "0"), (.maxInFlightPerReward, "-2"),
    (.lease, "4"), (.lease, "3601"), (.lease, "99999999999999999999"), (.poll, "0"),
    (.poll, "0.09"), (.poll, "3601"), (.listingGap, "0"), (.listingGap, "3601"),
    (.logLevel, "loud"),
    (.logLevel, "INFO"),
    (.syncTrack, "perhaps"), (.syncRetries, "-1"), (.syncRetries, "101"), (.syncFirst, "0"),
    (.syncLongest, "86401"), (.syncDays, "0"), (.syncDays, "366"),
    (.retentionDays, "-1"), (.retentionDays, "3651"), (.retentionDays, "0.5"),
    (.logFormat, "xml"), (.logFormat, "off"),
  ]

  @Test("a wrong value in the environment is named with its value and its rule", arguments: wrong)
  func environment(setting: Setting, text: String) throws {
    let problems = try Loading.problems(environment: [setting.environmentName: text])
    let problem = try #require(problems.first)
    #expect(problems.count == 1 && problem.name == setting.rawValue)
    #expect(problem.origin == .environment(name: setting.environmentName))
    #expect(problem.rule == "\"\(text)\" is wrong; it must be \(setting.rule)")
  }

  @Test("a wrong value in the file is named with its line", arguments: wrong)
  func file(setting: Setting, text: String) throws {
    let yaml = "# comment\n\(setting.path[0]):\n  \(setting.path[1]): \(text)\n"
    let problem = try #require(try Loading.problems(yaml: yaml).first)
    #expect(problem.name == setting.rawValue && problem.rule.contains(setting.rule))
    guard case .file(let path, let line) = problem.origin else {
      Issue.record("not from the file: \(problem)")
      return
    }
    #expect(path.hasSuffix("/codemint.yaml") && line == 3)
  }

  @Test("a wrong value of a flag is named with the flag")
  func flag() throws {
    let problems = try Loading.problems(flags: [.burst: .init(flag: "--burst", text: "0")])
    #expect(
      problems.map(\.description)
        == [
          "limits.burst (the flag --burst): \"0\" is wrong; it must be a whole number from 1 to 1000"
        ]
    )
  }

  @Test("a wrong value is refused even where a higher source hides it")
  func hidden() throws {
    let problems = try Loading.problems(
      environment: ["CODEMINT_LIMITS_BURST": "2"],
      yaml: "limits: {burst: many}"
    )
    #expect(problems.map(\.name) == ["limits.burst"])
  }

  @Test("limits themselves are accepted")
  func bounds() throws {
    for (name, low, high) in [
      ("API_TIMEOUT_SECONDS", "1", "600"), ("LIMITS_REQUESTS_PER_SECOND", "0.001", "10000"),
      ("LIMITS_BURST", "1", "1000"), ("LEASE_SECONDS", "5", "3600"),
      ("POLL_SECONDS", "0.1", "3600"), ("RETENTION_CALLS_DAYS", "0", "3650"),
      ("LIMITS_MAX_IN_FLIGHT", "1", "1000"),
    ] {
      for value in [low, high] {
        #expect(throws: Never.self) {
          try Loading.settings(environment: ["CODEMINT_\(name)": value])
        }
      }
    }
  }

  @Test(
    "no setting may be empty, except the address to listen on",
    arguments: Setting.allCases.filter { $0 != .httpListen }
  )
  func empty(setting: Setting) throws {
    let problems = try Loading.problems(environment: [setting.environmentName: ""])
    #expect(problems.map(\.name) == [setting.rawValue])
    guard setting != .apiKey else { return }
    let yaml = "\(setting.path[0]):\n  \(setting.path[1]):\n"
    #expect(try Loading.problems(yaml: yaml).map(\.name) == [setting.rawValue])
  }

  @Test("an unknown name in the environment is refused, and the nearest known name is offered")
  func unknownName() throws {
    let problems = try Loading.problems(environment: [
      "CODEMINT_LIMITS_BRUST": "2", "CODEMINT_COLOUR": "red", "CODEMINTER": "x", "OTHER": "y",
    ])
    #expect(
      problems.map(\.description) == [
        "CODEMINT_COLOUR (CODEMINT_COLOUR in the environment): there is no such setting",
        """
        CODEMINT_LIMITS_BRUST (CODEMINT_LIMITS_BRUST in the environment): there is no such setting; \
        did you mean CODEMINT_LIMITS_BURST?
        """,
      ]
    )
  }

  @Test("an unknown key in the file is refused wherever it is, with the names that it could have")
  func unknownKey() throws {
    let problems = try Loading.problems(
      yaml: """
        limit: 5
        limits:
          brust: 2
          burst: 3
          more: {burst: 1}
          list: [1, [2, 3]]
        reconciler:
          listing_gap_seconds: 10
        """
    )
    #expect(
      problems.map(\.name)
        == ["limit", "limits.brust", "limits.more", "limits.list", "reconciler"]
    )
    #expect(problems[1].rule == "there is no such setting; did you mean limits.burst?")
    #expect(problems[1].origin.description.hasSuffix("codemint.yaml, line 3"))
    #expect(
      problems[4].rule.hasPrefix("there is no such setting; those here are database, api, limits,")
    )
  }

  @Test("a value instead of a section and a section instead of a value are refused")
  func shapes() throws {
    #expect(try Loading.problems(yaml: "lease: 15").map(\.name) == ["lease"])
    #expect(try Loading.problems(yaml: "lease: [15]").map(\.name) == ["lease"])
    #expect(try Loading.problems(yaml: "lease: {seconds: {a: 1}}").map(\.name) == ["lease.seconds"])
    #expect(try Loading.problems(yaml: "lease: {seconds: [15]}").map(\.name) == ["lease.seconds"])
    #expect(try Loading.problems(yaml: "- lease").count == 1)
    #expect(try Loading.problems(yaml: "just text").count == 1)
  }

  @Test(
    "a file that is not YAML is named with its line, and nothing of it is shown",
    arguments: [
      "database:\n  url: \"hunter2\n", "limits:\n\tburst: hunter2\n", "a: hunter2: c\n",
      "lease: {seconds: 15\nhunter2", "limits:\n  burst: 1\n  burst: 2 # hunter2\n",
      "a: &b hunter2\n--- \nb: 2",
      "%hunter2 x\n", "? [hunter2\n", "lease: *hunter2\n",
    ]
  )
  func notYAML(yaml: String) throws {
    let problems = try Loading.problems(yaml: yaml)
    #expect(problems.count == 1)
    let text = SettingsError(problems: problems).description
    #expect(text.contains("codemint.yaml") && !text.contains("hunter2"))
  }

  @Test("a file that is not UTF-8 is refused")
  func notUTF8() throws {
    let scratch = try Scratch()
    let file = try scratch.file("codemint.yaml", bytes: [0x6C, 0xFF, 0xFE, 0x3A, 0x20, 0x31])
    let error = #expect(throws: SettingsError.self) {
      try Settings.load(environment: [:], standardFile: file)
    }
    #expect(error?.problems.map(\.rule) == ["the file is not UTF-8"])
  }

  @Test("a directory instead of a file is refused")
  func directory() throws {
    let scratch = try Scratch()
    let error = #expect(throws: SettingsError.self) {
      try Settings.load(environment: [:], standardFile: scratch.path)
    }
    #expect(error?.problems.count == 1)
  }

  @Test("all problems are reported at once")
  func together() throws {
    let error = #expect(throws: SettingsError.self) {
      try Loading.settings(
        flags: [.lease: .init(flag: "--lease", text: "1")],
        environment: ["CODEMINT_LOG_LEVEL": "loud", "CODEMINT_X": "1"],
        yaml: "limits: {burst: 0}\nnothing: 1"
      )
    }
    let names = ["CODEMINT_X", "nothing", "limits.burst", "lease.seconds", "log.level"]
    #expect(error?.problems.map(\.name) == names)
    #expect(error?.description.split(separator: "\n").count == 1 + names.count)
  }
}

@Suite("Guessing what was meant")
struct SpellingTests {
  @Test(
    "the distance of two texts is the number of changes from one to the other",
    arguments: [
      ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2),
    ]
  )
  func distance(left: String, right: String, expected: Int) {
    #expect(Spelling.distance(left, right) == expected)
    #expect(Spelling.distance(right, left) == expected)
  }

  @Test("a near name is offered, a far one is not")
  func hint() {
    let known = ["limits.burst", "lease.seconds"]
    #expect(Spelling.hint(for: "limit.burst", among: known) == "; did you mean limits.burst?")
    #expect(Spelling.hint(for: "colour", among: known).isEmpty)
    #expect(Spelling.hint(for: "x", among: []).isEmpty)
  }
}
