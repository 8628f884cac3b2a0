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

  @Test(
    "a URL that can be read in two ways is refused with a sentence that shows nothing of it",
    arguments: [
      "postgresql://u:abc/rest@h", "postgresql://u:p@sesame@h", "postgres://u:ses/ame@h/db",
      "postgresql://u:ses?ame@h/db", "postgresql://u:ses#ame@h/db", "postgresql://u:5432/sesame@h",
      "postgresql://u@h:sesame/db", "postgresql://h:54x32,sesame:1/db", "postgresql://h:70000/db",
      "postgresql://u:p@h/db@sesame", "postgresql://u:p@h/db?application_name=a@sesame",
      "postgresql://u:p@h,sesame@i/db", "postgresql://ses ame/db", "postgresql://[sesame]/db",
      "postgresql://u:p@[::1]sesame/db", "postgresql://[::1", "postgresql://u:p@h\"sesame/db",
    ]
  )
  func ambiguous(_ url: String) async throws {
    let error = await failure { () throws(PostgresError) in try ConnectionSettings(url) }
    #expect(error?.code == .invalidSettings)
    for part in ["sesame", "ses", "abc", "rest", "54x32", "70000"] {
      #expect(error?.description.contains(part) == false)
    }
  }

  @Test(
    "every URL that libpq reads in one way is taken as it is",
    arguments: [
      "postgresql://", "postgresql:///db", "postgresql://h", "postgresql://h:5432",
      "postgres://u@h/",
      "postgresql://u:p%40ss%2F@one:1,two:2/db?sslmode=require", "postgresql://u:p:q!$@h/d",
      "postgresql://%2Fvar%2Frun/db", "postgresql:///db?host=/run/x&port=5433",
      "postgresql://u@[::1]:5432/db", "postgresql://u@[fe80::1%25eth0]/db", "postgresql://:pw@h/d",
      "postgresql://u@h:/db", "postgresql://ü@h/db", "host=h password='a @ b/c'", "",
    ]
  )
  func unambiguous(_ url: String) throws {
    _ = try ConnectionSettings(url)
  }

  @Test(
    "a value that libpq finds wrong when it connects is not shown either",
    arguments: [
      "port=sesame", "sslmode=sesame", "target_session_attrs=sesame", "connect_timeout=sesame",
      "keepalives_idle=sesame", "tcp_user_timeout=sesame", "channel_binding=sesame",
    ]
  )
  func wrongValue(_ option: String) async throws {
    let server = try await TestServer.shared()
    let url = server.url(over: .tcp) + "?\(option)"
    let error = await failure { () async throws(PostgresError) in
      _ = try await Connection.open(ConnectionSettings(url))
    }
    #expect(error?.code == .invalidSettings)
    #expect(error?.description.contains("sesame") == false)
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
