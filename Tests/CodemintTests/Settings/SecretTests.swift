import Testing

@testable import codemint

@Suite("Secrets in settings")
struct SecretTests {
  static let value = "hunter2-and-more"

  static func renderings(_ value: some Any) -> String {
    var dumped = ""
    dump(value, to: &dumped)
    return "\(value) \(String(reflecting: value)) \([value]) \(dumped)"
  }

  @Test("the API key is refused in the file, which says where it belongs")
  func keyInFile() throws {
    let problems = try Loading.problems(yaml: "api:\n  key: \(Self.value)\n")
    let problem = try #require(problems.first)
    #expect(problems.count == 1 && problem.name == "api.key")
    #expect(problem.rule.contains("/etc/codemint/api-key"))
    #expect(problem.rule.contains("CODEMINT_API_KEY"))
    #expect(!problem.description.contains(Self.value))
  }

  @Test(
    "a value that a missing blank or quotation mark makes a part of its key is not shown",
    arguments: [
      "database: {url:postgresql://u:\(value)@db/x}\n", "{url:'postgresql://u:\(value)@db/x}: 1\n",
      "database:\n  url:postgresql://u:\(value)@db/x: 1\n", "database: {\"url\(value)\": 1}\n",
      "{'\(value)': 1, '\(value)': 2}\n",
    ]
  )
  func valueInKey(yaml: String) throws {
    let error = SettingsError(problems: try Loading.problems(yaml: yaml))
    #expect(!Self.renderings(error).contains(Self.value))
  }

  @Test("no rendering of the settings shows a secret")
  func renderings() throws {
    let settings = try Loading.settings(environment: [
      "CODEMINT_API_KEY": Self.value, "CODEMINT_DATABASE_URL": "postgresql://u:\(Self.value)@db/x",
      "CODEMINT_DATABASE_LISTEN_URL": "postgresql://u:\(Self.value)@db/x",
    ])
    #expect(!Self.renderings(settings).contains(Self.value))
    #expect(settings.api.key?.value == Self.value)
  }

  @Test(
    "a secret that is wrong is refused without being shown",
    arguments: Setting.allCases.filter(\.isSecret)
  )
  func wrongSecret(setting: Setting) throws {
    let text = "\(Self.value)\u{7}"
    let problems = try Loading.problems(environment: [setting.environmentName: text])
    let error = SettingsError(problems: problems)
    #expect(problems.map(\.name) == [setting.rawValue])
    #expect(!Self.renderings(error).contains(Self.value))
    #expect(error.description.contains("its value is wrong"))
  }

  @Test("a credential that is not text is refused without being shown")
  func bytes() throws {
    let scratch = try Scratch()
    _ = try scratch.file("api-key", bytes: Array(Self.value.utf8) + [0xFF])
    let problems = try Loading.problems(environment: ["CREDENTIALS_DIRECTORY": scratch.path])
    #expect(problems.map(\.name) == ["api.key"])
    #expect(!SettingsError(problems: problems).description.contains(Self.value))
  }

  @Test("a command that needs the key says how to give it")
  func requiredKey() throws {
    let error = #expect(throws: SettingsError.self) { try Loading.settings().requiredKey() }
    #expect(error?.description.contains("CODEMINT_API_KEY") == true)
    let settings = try Loading.settings(environment: ["CODEMINT_API_KEY": Self.value])
    #expect(try settings.requiredKey() == Secret(Self.value))
  }

  @Test("the error for a value that another module refuses names the source of the value")
  func refusal() throws {
    let settings = try Loading.settings(environment: ["CODEMINT_API_BASE_URL": "ftp://x"])
    let error = settings.refusal(of: .apiBaseURL, because: "must begin with https://")
    #expect(
      error.description == """
        wrong setting:
          api.base_url (CODEMINT_API_BASE_URL in the environment): must begin with https://
        """
    )
    let standard = settings.refusal(of: .apiTimeout, because: "too long")
    #expect(standard.problems[0].origin == .standard)
  }
}
