import Testing

@testable import codemint

/// Commands that need nothing but the database go on if other settings are wrong.
@Suite("Settings of commands that need the database alone")
struct DatabaseSettingsTests {
  private static let here = "database: {url: 'postgresql://here'}\n"

  @Test(
    "what is wrong with other sections leaves the database known",
    arguments: [
      ([:], here + "limits: {burst: many}\n"), ([:], here + "api: {key: secret}\n"),
      ([:], here + "webhooks: {receivers: 5, secrte: 1}\n"), ([:], here + "sync: 7\n"),
      (["CODEMINT_LIMITS_BRUST": "5"], here), (["CODEMINT_LIMITS_BURST": "0"], nil),
      (["CODEMINT_DATABASE_URL": "postgresql://here"], "this: [is no YAML"),
    ] as [([String: String], String?)]
  )
  func known(environment: [String: String], yaml: String?) throws {
    let reading = try Self.read(environment, yaml)
    #expect(!reading.problems.isEmpty && reading.knowsDatabase)
    #expect((reading.settings.database.url?.value == "postgresql://here") == (yaml != nil))
  }

  @Test(
    "where another database may be meant, nothing is known",
    arguments: [
      ([:], "database: {ulr: 'postgresql://here'}\n"), ([:], "databse: {url: x}\n"),
      ([:], "this: [is no YAML"), ([:], here + "api: {base_url: [[1]]}\n"),
      (["CODEMINT_DATABSE_URL": "x"], here), (["CODEMINT_DATABASE_LISTEN_URL": ""], here),
      (["CODEMINT_DATABASE_URL": ""], here),
    ] as [([String: String], String?)]
  )
  func unknown(environment: [String: String], yaml: String?) throws {
    let reading = try Self.read(environment, yaml)
    #expect(!reading.problems.isEmpty && !reading.knowsDatabase)
  }

  private static func read(_ environment: [String: String], _ yaml: String?) throws
    -> SettingsReading
  {
    let scratch = try Scratch()
    return Settings.read(
      environment: environment,
      standardFile: try yaml.map { try scratch.file("codemint.yaml", $0) } ?? Loading.nowhere
    )
  }
}
