import Testing

@testable import Sandbox

@Suite("codes of another form than the documents suggest")
struct CodeFormTests {
  static let prefixes: [(PrefixForm, String)] = [
    (.literal, "Black-Friday-"), (.upper, "BLACK-FRIDAY-"), (.lower, "black-friday-"),
    (.plain, "BlackFriday"), (.upperPlain, "BLACKFRIDAY"), (.lowerPlain, "blackfriday"),
    (.dropped, ""), (.cut(5), "Black"), (.cut(0), ""),
  ]

  @Test("the prefix of new codes has another form, in answers and lists", arguments: prefixes)
  func prefix(_ form: PrefixForm, _ expected: String) async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .prefix(form))
      let codes = try await caller.generate(3, prefix: "Black-Friday-").codes()
      #expect(codes.allSatisfy { $0.code.hasPrefix(expected) })
      #expect(codes.allSatisfy { $0.code.count == expected.count + 10 })
      #expect(try await caller.list("order=asc").data().map(\.code) == codes.map(\.code))
      #expect(caller.sandbox.truth.made(ofReward: Caller.reward).map(\.code) == codes.map(\.code))
    }
  }

  @Test("one reward can have another form of the prefix than the others")
  func prefixByReward() async throws {
    try await withSandbox { (caller) async throws in
      let upper = FaultRule(.generate, .prefix(.upper), reward: Caller.reward)
      try caller.sandbox.setFaults(FaultPlan(rules: [upper]))
      let mine = try await caller.generate(1, prefix: "summer").codes()
      let others = try await caller.generate(1, prefix: "summer", reward: Caller.otherReward)
        .codes()
      #expect(mine[0].code.hasPrefix("SUMMER"))
      #expect(others[0].code.hasPrefix("summer"))
    }
  }

  @Test("a list shows texts in another form than the answer")
  func texts() async throws {
    try await withSandbox { (caller) async throws in
      let code = try await caller.generate(1, prefix: "Über-1\\\"-").codes()[0].code
      func listed(_ form: TextForm) async throws -> String? {
        try caller.misbehave(.list, .texts(form))
        return try await caller.list().data().first?.code
      }
      #expect(code.hasPrefix("Über-1\"-"))
      #expect(try await listed(.same) == code)
      #expect(try await listed(.lower) == code.lowercased())
      #expect(try await listed(.upper) == code.uppercased())
      #expect(try await listed(.masked) == "**************" + code.suffix(4))
      #expect(try await listed(.dashless) == "Über1\"" + code.suffix(10))
      #expect(caller.sandbox.truth.made(ofReward: Caller.reward).map(\.code) == [code])
      try caller.misbehave(.generate, .texts(.lower))
      let answered = try await caller.generate(1, prefix: "A").codes()[0].code
      #expect(answered == answered.lowercased())
    }
  }

  @Test("the longest prefix has room in another case")
  func longTexts() async throws {
    try await withSandbox { (caller) async throws in
      let prefix = String(repeating: "ΐ", count: 32)
      try caller.misbehave(.list, .texts(.upper))
      let code = try await caller.generate(1, prefix: prefix).codes()[0].code
      #expect(try await caller.list().data().first?.code == code.uppercased())
    }
  }
}

@Suite("times of another form than the documents suggest")
struct TimeFormTests {
  static let forms: [(TimeForm, String)] = [
    (TimeForm(), "2026-01-31T12:34:56.789Z"),
    (TimeForm(offset: 18_000, zone: .none), "2026-01-31T17:34:56.789"),
    (TimeForm(offset: -18_000), "2026-01-31T07:34:56.789Z"),
    (TimeForm(zone: .none), "2026-01-31T12:34:56.789"),
    (TimeForm(zone: .hours(5.5)), "2026-01-31T18:04:56.789+05:30"),
    (TimeForm(zone: .hours(-3)), "2026-01-31T09:34:56.789-03:00"),
    (TimeForm(resolution: .minutes), "2026-01-31T12:34:00Z"),
    (TimeForm(resolution: .seconds), "2026-01-31T12:34:56Z"),
    (TimeForm(resolution: .seconds, rounded: true), "2026-01-31T12:34:57Z"),
    (TimeForm(resolution: .minutes, rounded: true), "2026-01-31T12:35:00Z"),
    (TimeForm(resolution: .microseconds), "2026-01-31T12:34:56.789000Z"),
  ]

  @Test("times have another offset, resolution and zone, in a list", arguments: forms)
  func list(_ form: TimeForm, _ expected: String) async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.list, .times(form))
      let answered = try await caller.generate(1).codes()[0]
      #expect(answered.createdAt == "2026-01-31T12:34:56.789Z")
      let listed = try await caller.list().data()[0]
      #expect(listed.createdAt == expected)
      #expect(listed.updatedAt == expected)
    }
  }

  @Test("times have another form in answers alone")
  func answer() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.generate, .times(TimeForm(resolution: .microseconds)))
      clock.advance(by: .microseconds(1234))
      let answered = try await caller.generate(1).codes()[0]
      #expect(answered.createdAt == "2026-01-31T12:34:56.790234Z")
      #expect(try await caller.list().data()[0].createdAt == "2026-01-31T12:34:56.790Z")
    }
  }

  @Test("times before 1970 are cut off downwards too")
  func early() {
    let form = TimeForm(resolution: .seconds)
    #expect(Timestamp.text(-1, as: form) == "1969-12-31T23:59:59Z")
    #expect(Timestamp.text(-1_000_000, as: form) == "1969-12-31T23:59:59Z")
  }

  @Test("createdAt and updatedAt can be null or missing")
  func withheld() async throws {
    try await withSandbox { (caller) async throws in
      _ = try await caller.generate(1)
      try caller.misbehave(.list, .withheld(.updatedAt))
      #expect(try await caller.list().data()[0].updatedAt == nil)
      try caller.misbehave(.list, .withheld(.createdAt), .withheld(.updatedAt, as: .missing))
      let text = try await caller.list().text
      #expect(text.contains("\"createdAt\":null,"))
      #expect(!text.contains("updatedAt"))
      try caller.misbehave(.list, .withheld(.createdAt, as: .missing))
      let other = try await caller.list().text
      #expect(!other.contains("createdAt"))
      #expect(other.contains("\"updatedAt\":\""))
    }
  }

  @Test("an empty object can be an empty list, and a list can lack what it says of its pages")
  func emptyLists() async throws {
    try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, .withheld(.externalIds, as: .list))
      #expect(try await caller.generate(1).text.contains("\"externalIds\":[]"))
      try caller.misbehave(.list, .withheld(.externalIds), .withheld(.pagination, as: .missing))
      let text = try await caller.list().text
      #expect(text.contains("\"externalIds\":null,\"updatedAt\":") && text.hasSuffix("}]}"))
      try caller.misbehave(.list, .withheld(.pagination, as: .list))
      #expect(try await caller.list().text.hasSuffix("],\"pagination\":[]}"))
    }
  }

  @Test("the Date header is some seconds off, or not there")
  func date() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(.team, .date(offset: -7200))
      let off = try await caller.call("GET", "/v1/team")
      #expect(off.headers["date"] == "Sat, 31 Jan 2026 10:34:56 GMT")
      #expect(off.headers["x-sandbox-date"] == nil)
      try caller.misbehave(.team, .date(missing: true))
      let none = try await caller.call("GET", "/v1/team")
      #expect(none.status == 200)
      #expect(none.headers["date"] == nil)
      try caller.misbehave(.team)
      #expect(try await caller.call("GET", "/v1/team").headers["date"] != nil)
    }
  }
}
