import Provisioning
import Testing

@testable import OneOfNone

@Suite("Reading codes out of an answer")
struct AnswerDecoderTests {
  private func decode(_ text: String) throws -> Answer {
    try AnswerDecoder.decode(Array(text.utf8))
  }

  private func decodeOne(_ item: String) throws -> IssuedCode {
    let answer = try decode("{\"codes\":[\(item)]}")
    return try #require(answer.codes.first)
  }

  /// An item with the three fields that it must have, and these.
  private func item(_ more: String) -> String {
    let id = UniqueID(bits: 5)
    return "{\"id\":\"\(id)\",\"rewardId\":\"\(Sample.reward)\",\"code\":\"X\"\(more)}"
  }

  @Test("every field of a code")
  func everything() throws {
    let external =
      #"{ "shopify" : {"syncStatus":"synced","n":1.50}, "stripe":{"syncStatus":"pending"} }"#
    let code = try decodeOne(
      item(
        #","status":"redeemed","createdAt":"2025-01-02T03:04:05Z","expiresAt":"2026-01-02","#
          + #""updatedAt":null,"orderId":7,"externalIds":"# + external
      )
    )
    #expect(code.id == CodeID(UniqueID(bits: 5)))
    #expect(code.reward == Sample.reward)
    #expect(code.code == "X")
    #expect(code.status == "redeemed")
    #expect(code.createdAt == Timestamp(rfc3339: "2025-01-02T03:04:05Z"))
    #expect(code.expiresAt == nil)
    #expect(code.updatedAt == nil)
    #expect(code.externalIDs == Array(external.utf8))
    #expect(code.syncStatus == .pending)
  }

  @Test("a code with only the required fields")
  func least() throws {
    let code = try decodeOne(item(""))
    #expect(code.status == "unknown")
    #expect(code.createdAt == nil)
    #expect(code.externalIDs == Array("{}".utf8))
    #expect(code.syncStatus == .none)
  }

  @Test("unknown words are kept, wrong types of unimportant fields are not fatal")
  func lenient() throws {
    #expect(try decodeOne(item(#","status":"frozen""#)).status == "frozen")
    #expect(try decodeOne(item(#","status":null"#)).status == "unknown")
    #expect(try decodeOne(item(#","status":3"#)).status == "unknown")
    #expect(try decodeOne(item(#","createdAt":1735787045,"updatedAt":[]"#)).createdAt == nil)
    #expect(try decodeOne(item(#","later":{"a":[1,2,{"b":null}]}"#)).code == "X")
    #expect(try decode(#"{"x":{},"codes":[],"y":[true,false]}"#).codes.isEmpty)
    #expect(try decode(" \n\t\r{ \"codes\" : [ ] } \n").codes.isEmpty)
  }

  @Test("external ids are kept byte for byte, numbers and unknown keys too")
  func externalIDs() throws {
    for external in [
      "{}", "{ }", #"{"a":1e400,"b":12345678901234567890123,"c":0.10}"#,
      #"{"shopify":{"discountId":"gid:\/\/x","codeId":null,"extra":{"é":"\u00e9"}}}"#,
      #"{"a":{"syncStatus":"error"},"a":{"syncStatus":"synced"}}"#, #"{"x":"\u0000\ud800"}"#,
    ] {
      let code = try decodeOne(item(",\"externalIds\":\(external)"))
      #expect(code.externalIDs == Array(external.utf8))
    }
  }

  @Test(
    "the sync status is the worst of all systems",
    arguments: [
      ("{}", SyncStatus.none), ("null", .none), (#"{"a":{"syncStatus":"synced"}}"#, .synced),
      (#"{"a":{"syncStatus":"synced"},"b":{"syncStatus":"error"}}"#, .error),
      (#"{"a":{"syncStatus":"pending"},"b":{"syncStatus":"synced"}}"#, .pending),
      (#"{"a":{"syncStatus":"odd"}}"#, .pending), (#"{"a":{"syncStatus":null}}"#, .pending),
      (#"{"a":{"other":1}}"#, .none),
      (#"{"a":null,"b":"text","c":[{"syncStatus":"error"}]}"#, .none),
      (#"{"a":{"deep":{"syncStatus":"error"},"syncStatus":"synced"}}"#, .synced),
      (#"[{"syncStatus":"synced"}]"#, .pending), ("7", .pending),
    ]
  )
  func syncStatus(external: String, status: SyncStatus) throws {
    let code = try decodeOne(item(",\"externalIds\":\(external)"))
    #expect(code.syncStatus == status)
    if !external.hasPrefix("{") { #expect(code.externalIDs == Array("{}".utf8)) }
  }

  @Test("nulls are counted, and doubled and foreign codes are returned")
  func oddLists() throws {
    let foreign = RewardID(UniqueID(bits: 99))
    let text = Sample.answerText(
      "null",
      Sample.codeText(id: 1),
      Sample.codeText(id: 1),
      "null",
      Sample.codeText(id: 2, reward: foreign)
    )
    let answer = try decode(text)
    #expect(answer.codes.map(\.id.id.bits) == [1, 1, 2])
    #expect(answer.codes.last?.reward == foreign)
    #expect(answer.nulls == 2)
    #expect(answer.body == Array(text.utf8))
  }

  @Test("escapes of a code are resolved, also the one that the database refuses")
  func escapes() throws {
    func code(_ text: String) throws -> String {
      try decodeOne(Sample.codeText(code: text)).code
    }
    #expect(try code(#"a\"\\\/\b\f\n\r\t\u0041\u00e9"#) == "a\"\\/\u{8}\u{C}\n\r\tAé")
    #expect(try code(#"\ud83d\ude00"#) == "😀")
    #expect(try code(#"A\u0000B"#) == "A\u{0}B")
    #expect(try code("😀") == "😀")
    for bad in [#"\ud83d"#, #"\ude00"#, #"\ud83dx"#, #"\ud83d\ud83d"#] {
      #expect(try decode(Sample.answerText(Sample.codeText(code: bad))).nulls == 1)
    }
    for bad in [#"\x"#, #"\u12"#, "\u{1}"] {
      #expect(throws: JSONFailure.self) { try code(bad) }
    }
  }

  private static let one = "\"id\":\"00000000-0000-0000-0000-000000000001\""
  private static let reward = "\"rewardId\":\"00000000-0000-0000-0000-000000000001\""

  @Test(
    "an item that is no code counts as a null, its neighbours are read, and its id is kept",
    arguments: [
      ("1", nil), ("\"x\"", nil), ("[]", nil), ("{}", nil), ("true", nil),
      ("{\(one),\"code\":\"X\"}", 1), ("{\"id\":\"nope\",\(reward),\"code\":\"X\"}", nil),
      ("{\(one),\"rewardId\":null,\"code\":\"X\"}", 1), ("{\(one),\(reward),\"code\":null}", 1),
      ("{\"code\":5,\(one),\(reward)}", 1), ("{\"code\":\"\\ud800\",\(one),\(reward)}", 1),
      ("{\(one),\(one),\(reward),\"code\":\"X\"}", nil),
      ("{\(one),\(reward),\"code\":\"X\",\"code\":\"Y\"}", 1),
      ("{\(one),\(reward),\(reward),\"code\":\"X\"}", 1),
    ] as [(String, UInt128?)]
  )
  func unreadableItem(bad: String, id: UInt128?) throws {
    let good = Sample.codeText(id: 2)
    let answer = try decode(Sample.answerText(good, bad, Sample.codeText(id: 3)))
    #expect(answer.codes.map(\.id.id.bits) == [2, 3])
    #expect(answer.nulls == 1 && answer.hasUnreadable)
    let page = Array("{\"data\":[\(bad),\(good),\(bad),null]}".utf8)
    let list = try AnswerDecoder.decodePage(page)
    #expect(list.codes.count == 1 && list.nulls == 3 && list.trailingNulls == 2)
    #expect(list.unreadable.map(\.id.bits) == (id.map { [$0, $0] } ?? []))
    #expect(list.trailingUnreadable == (id == nil ? 0 : 1))
  }

  @Test("an item that is not UTF-8, or that no database could read for its depth, spoils no other")
  func unreadableContent() throws {
    let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
    for bad in [item(",\"externalIds\":{\"a\":\(deep)}"), item(",\"x\":\(deep)")] {
      let answer = try decode(Sample.answerText(Sample.codeText(), bad))
      #expect(answer.codes.count == 1 && answer.nulls == 1)
    }
    var bytes = Array(Sample.answerText(Sample.codeText(), item(",\"status\":\"?\"")).utf8)
    bytes[try #require(bytes.firstIndex(of: UInt8(ascii: "?")))] = 0xFF
    let answer = try AnswerDecoder.decode(bytes)
    #expect(answer.codes.count == 1 && answer.nulls == 1)
    let outside = try decode("{\"x\":\(deep),\"codes\":[\(Sample.codeText())]}")
    #expect(outside.codes.count == 1)
  }

  @Test("a second list makes it uncertain which one is meant, so the answer is refused")
  func doubledList() throws {
    #expect(throws: JSONFailure.self) { try decode(#"{"codes":[],"codes":[]}"#) }
    #expect(try decodeOne(item(#","status":"a","status":"b""#)).status == "b")
  }

  @Test("no failure shows what was read")
  func failuresHide() {
    let text = Sample.answerText(Sample.codeText(code: "SUMMER-HUSH"), "SUMMER-HUSH")
    let error = #expect(throws: JSONFailure.self) { try decode(text) }
    #expect(error?.description.contains("HUSH") == false)
    #expect(error?.description.contains("byte") == true)
  }

  @Test("a body cut off at any byte is never read")
  func truncated() throws {
    let external = #"{"shopify":{"syncStatus":"pending","n":-1.5e+3,"t":true,"x":"\u00e9é"}}"#
    let bytes = Array(Sample.answerText(Sample.codeText(externalIDs: external), "null").utf8)
    #expect(try AnswerDecoder.decode(bytes).codes.count == 1)
    for length in 0..<bytes.count {
      #expect(throws: JSONFailure.self) { try AnswerDecoder.decode(Array(bytes[..<length])) }
    }
  }

  @Test("a byte changed at random never crashes it")
  func mutated() throws {
    let external = #"{"shopify":{"syncStatus":"pending","n":-1.5e+3,"x":"\ud83d\ude00"}}"#
    let bytes = Array(Sample.answerText(Sample.codeText(externalIDs: external), "null").utf8)
    var random = SplitMix(state: 7)
    for _ in 0..<20_000 {
      var changed = bytes
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<changed.count, using: &random)
        changed[place] = UInt8.random(in: 0...255, using: &random)
      }
      if let answer = try? AnswerDecoder.decode(changed) { #expect(answer.codes.count <= 1) }
    }
  }
}
