import LocalPostgres
import Postgres
import TestSupport
import Testing

@Suite("a listener")
struct ListenerTests {
  @Test("gets notifications with their payloads, in order, from all its channels")
  func notifications() async throws {
    let settings = try await TestServer.database()
    var events = Listener(settings, channels: ["jobs", #"odd "name""#]).makeAsyncIterator()
    #expect(await events.next().isListening)
    let sender = try await Connection.open(settings)
    try await sender.script(#"NOTIFY jobs, '1'; NOTIFY other; NOTIFY "odd ""name""", 'é'"#)
    let first = await events.next().notification
    let second = await events.next().notification
    #expect(first?.channel == "jobs")
    #expect(first?.payload == "1")
    #expect(second?.channel == #"odd "name""#)
    #expect(second?.payload == "é")
  }

  @Test("told of the latest only, it takes a flood in few steps and misses no channel")
  func flood() async throws {
    let settings = try await TestServer.database()
    var events = Listener(settings, channels: ["jobs", "control"], onlyLatest: true)
      .makeAsyncIterator()
    #expect(await events.next().isListening)
    let sender = try await Connection.open(settings)
    _ = try await sender.query(
      """
      SELECT count(pg_notify(CASE n WHEN 7 THEN 'control' ELSE 'jobs' END, n::text))
      FROM generate_series(1, 20000) AS n
      """
    )
    var told: [String] = []
    while told.last != "jobs 20000" {
      let notification = try #require(await events.next().notification)
      told.append("\(notification.channel) \(notification.payload)")
    }
    #expect(told.count < 2000 && told.count { $0 == "control 7" } == 1)
  }

  @Test("gets long payloads through TLS, however they are cut")
  func longPayloads() async throws {
    try await Certificates.withServer { settings in
      var events = Listener(settings, channels: ["jobs"]).makeAsyncIterator()
      #expect(await events.next().isListening)
      let sender = try await Connection.open(settings)
      _ = try await sender.query(
        "SELECT count(pg_notify('jobs', repeat('x', 7000) || n)) FROM generate_series(1, 50) AS n"
      )
      for number in 1...50 {
        #expect(await events.next().notification?.payload.hasSuffix("x\(number)") == true)
      }
    }
  }

  @Test("listens again after the server has ended its connection")
  func terminated() async throws {
    let settings = try await TestServer.database()
    var events = Listener(settings, channels: ["jobs"]).makeAsyncIterator()
    #expect(await events.next().isListening)
    let killer = try await Connection.open(settings)
    _ = try await killer.query(
      """
      SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid()
      """
    )
    #expect(await events.next().lost?.isConnectionLost == true)
    #expect(await events.next().isListening)
    _ = try await killer.query("SELECT pg_notify('jobs', 'again')")
    #expect(await events.next().notification?.payload == "again")
  }

  @Test("says once that the server is gone, and listens when it is back")
  func restart() async throws {
    try await TestServer.withOwn { server in
      var events = Listener(try ConnectionSettings(server.url()), channels: ["jobs"])
        .makeAsyncIterator()
      #expect(await events.next().isListening)
      try await server.stop(.immediate)
      #expect(await events.next().lost != nil)
      async let back: Void = server.start()
      #expect(await events.next().isListening)
      try await back
    }
  }

  @Test("finds out that its connection is half open, and listens on another one")
  func halfOpen() async throws {
    let server = try await TestServer.shared()
    let proxy = try SwallowingProxy(to: server.port)
    let url = server.url(over: .tcp)
    let caller = try await Connection.open(ConnectionSettings(url))
    var events = Listener(
      try ConnectionSettings(url.replacing(":\(server.port)/", with: ":\(proxy.port)/")),
      channels: ["jobs"],
      trialInterval: .milliseconds(50),
      trialDeadline: .seconds(3),
      notifier: { (channel) throws(PostgresError) in
        _ = try await caller.query("SELECT pg_notify($1, '')", [.text(channel)])
      }
    ).makeAsyncIterator()
    #expect(await events.next().isListening)
    proxy.swallow(true)
    #expect(await events.next().lost?.code == .notificationsLost)
    proxy.swallow(false)
    #expect(await events.next().isListening)
    try await caller.script("NOTIFY jobs, 'again'")
    #expect(await events.next().notification?.payload == "again")
  }

  @Test("does not say that it listens where notifications do not arrive")
  func elsewhere() async throws {
    let caller = try await TestServer.connection()
    var events = Listener(
      try await TestServer.database(),
      channels: ["jobs"],
      trialDeadline: .milliseconds(100),
      notifier: { (channel) throws(PostgresError) in
        _ = try await caller.query("SELECT pg_notify($1, '')", [.text(channel)])
      }
    ).makeAsyncIterator()
    #expect(await events.next().lost?.code == .notificationsLost)
  }

  @Test("ends when its task is cancelled")
  func cancelled() async throws {
    let settings = try await TestServer.database()
    let gate = Gate()
    let task = Task {
      for await event in Listener(settings, channels: ["jobs"]) {
        if Optional(event).isListening { gate.open() }
      }
    }
    await gate.wait()
    task.cancel()
    await task.value
  }
}

extension Listener.Event? {
  var isListening: Bool {
    if case .listening = self { true } else { false }
  }

  var notification: Notification? {
    if case .notification(let notification) = self { notification } else { nil }
  }

  var lost: PostgresError? {
    if case .lost(let error) = self { error } else { nil }
  }
}
