import LocalPostgres
import Postgres
import TestSupport
import Testing

@Suite("connection settings")
struct SettingsTests {
  @Test(
    "a URL that cannot be read is refused without quoting it",
    arguments: [
      "postgresql://user:ses%ame@host/db",
      "postgresql://user:sesame@[host/db", "password=my sesame", "host=h passwort=sesame",
      "postgresql://user:sesame\"quoted@[h\"/db", "postgresql://u@h/d?sesame=1", "sesame\0",
    ]
  )
  func malformed(_ url: String) async throws {
    let error = await failure { () throws(PostgresError) in try ConnectionSettings(url) }
    #expect(error?.code == .invalidSettings)
    #expect(error?.description.contains("sesame") == false)
    #expect(error?.description.contains("ses%ame") == false)
  }

  @Test("a description shows where, but no secret")
  func redacted() throws {
    let settings = try ConnectionSettings(
      "postgresql://anna:sesame@one:1,two:2/db?sslmode=verify-full&sslpassword=open"
    )
    var text = "\(settings)" + String(reflecting: settings)
    dump(settings, to: &text)
    #expect(text.contains("host=one,two"))
    #expect(text.contains("user=anna"))
    #expect(text.contains("sslmode=verify-full"))
    #expect(!text.contains("sesame"))
    #expect(!text.contains("open"))
  }

  @Test("whether the server has to prove who it is, and whether the URL holds a password")
  func verification() throws {
    for (options, verifies) in [
      ("sslmode=verify-full", true), ("sslmode=verify-ca", true), ("sslmode=require", false),
      ("", false),
    ] {
      #expect(try ConnectionSettings("host=db \(options)").verifiesServer == verifies)
    }
    #expect(try ConnectionSettings("postgresql://anna:sesame@db/shop").holdsPassword)
    #expect(try ConnectionSettings("host=db password=sesame").holdsPassword)
    #expect(try !ConnectionSettings("postgresql://anna@db/shop?passfile=/run/p").holdsPassword)
  }

  @Test("a Unix socket and loopback are of this machine")
  func thisMachine() async throws {
    let server = try await TestServer.shared()
    for url in [server.url(), server.url(over: .tcp)] {
      let connection = try await Connection.open(ConnectionSettings(url))
      #expect(await connection.staysOnThisMachine)
      await connection.close()
    }
  }

  @Test("the caller's name shows on the server, unless the URL has one")
  func applicationName() async throws {
    var settings = try await TestServer.database()
    settings.applicationName = "codemint test"
    let connection = try await Connection.open(settings)
    #expect(
      try await connection.query("SHOW application_name").one().text(0) == "codemint test"
    )
  }

  @Test("text is UTF-8 whatever the URL asks for")
  func encoding() async throws {
    let server = try await TestServer.shared()
    let settings = try ConnectionSettings(server.url() + "&client_encoding=latin1")
    let connection = try await Connection.open(settings)
    #expect(try await connection.query("SELECT $1", [.text("☕")]).one().text(0) == "☕")
  }
}
