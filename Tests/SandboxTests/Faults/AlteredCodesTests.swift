import Foundation
import Testing

@testable import Sandbox

@Suite("codes shown otherwise than they are")
struct AlteredCodesTests {
  /// The entries of a generate answer under these faults, and what the truth knows of them.
  private func generate(
    _ count: Int,
    _ faults: Fault...
  ) async throws -> (shown: [ShownCode?], text: String, made: [MadeCode]) {
    try await withSandbox { (caller) async throws in
      try caller.sandbox.setFaults(
        FaultPlan(rules: faults.map { FaultRule(.generate, $0) })
      )
      let answer = try await caller.generate(count, prefix: "P")
      #expect(answer.status == 201)
      return (
        try answer.decoded(Generated.self).codes, answer.text,
        caller.sandbox.truth.made(ofReward: Caller.reward)
      )
    }
  }

  @Test("nulls in place of codes that exist")
  func nullsMade() async throws {
    let (shown, _, made) = try await generate(10, .nulls(count: 3))
    #expect(shown.count == 10)
    #expect(shown.filter { $0 == nil }.count == 3)
    #expect(made.count == 10)
    let known = Set(made.map(\.id))
    #expect(shown.compactMap { $0?.id }.allSatisfy { known.contains($0) })
  }

  @Test("nulls for codes that were never made")
  func nullsUnmade() async throws {
    let (shown, _, made) = try await generate(10, .nulls(count: 3, made: false))
    #expect(shown.count == 10)
    #expect(shown.compactMap { $0?.id } == made.map(\.id))
    #expect(made.count == 7)
    let (only, _, none) = try await generate(1, .nulls(count: 3, made: false))
    #expect(only == [nil, nil, nil])
    #expect(none.isEmpty)
  }

  @Test("too few codes, whether the others exist or not")
  func short() async throws {
    let unmade = try await generate(10, .short(by: 4))
    #expect(unmade.shown.compactMap { $0?.id } == unmade.made.map(\.id))
    #expect(unmade.made.count == 6)
    let made = try await generate(10, .short(by: 4, made: true))
    #expect(made.shown.compactMap { $0?.id } == made.made.prefix(6).map(\.id))
    #expect(made.made.count == 10)
    let empty = try await generate(3, .short(by: 500))
    #expect(empty.shown.isEmpty && empty.made.isEmpty)
  }

  @Test("too many codes, all of them real")
  func long() async throws {
    let (shown, _, made) = try await generate(500, .long(by: 2))
    #expect(shown.compactMap { $0?.id } == made.map(\.id))
    #expect(made.count == 502)
  }

  @Test("codes shown twice, beside the others or instead of some")
  func doubled() async throws {
    let beside = try await generate(6, .doubled(count: 2))
    #expect(beside.shown.count == 8)
    #expect(Set(beside.shown.compactMap { $0?.id }) == Set(beside.made.map(\.id)))
    #expect(beside.made.count == 6)
    let instead = try await generate(6, .doubled(count: 2, instead: true))
    #expect(instead.shown.count == 6)
    #expect(Set(instead.shown.compactMap { $0?.id }) == Set(instead.made.prefix(4).map(\.id)))
    #expect(instead.made.count == 6)
  }

  @Test(
    "codes of another reward, made by somebody else if there are none",
    arguments: [true, false]
  )
  func foreign(_ instead: Bool) async throws {
    let (shown, _, made) = try await generate(6, .foreign(count: 2, instead: instead))
    let mine = shown.compactMap(\.self).filter { $0.rewardId == Caller.reward }
    let strangers = shown.compactMap(\.self).filter { $0.rewardId != Caller.reward }
    #expect(strangers.count == 2)
    #expect(mine.map(\.id) == made.prefix(instead ? 4 : 6).map(\.id))
    #expect(made.count == 6)
  }

  @Test("foreign codes are the newest of a reward that has some")
  func foreignKnown() async throws {
    try await withSandbox { (caller) async throws in
      let theirs = try await caller.generate(5, reward: Caller.otherReward).codes()
      try caller.misbehave(.generate, .foreign(count: 2))
      let shown = try await caller.generate(3).codes()
      #expect(shown.suffix(2).map(\.id) == theirs.suffix(2).reversed().map(\.id))
      #expect(shown.suffix(2).allSatisfy { $0.rewardId == Caller.otherReward })
      #expect(caller.sandbox.truth.codes == 8)
      #expect(caller.sandbox.truth.codesOfSomebodyElse == 0)
    }
  }

  @Test("values that the contract does not list")
  func unknownValues() async throws {
    let (shown, _, _) = try await generate(4, .unknownValues(count: 1))
    #expect(shown.map { $0?.status } == ["archived", "available", "available", "available"])
    #expect(shown.first??.externalIds["shopify"]?.syncStatus == "queued")
  }

  @Test("fields that the contract does not list, around codes, in them and in their systems")
  func extraFields() async throws {
    let (shown, text, made) = try await withoutEntries(4, .extraFields(count: 2))
    #expect(shown == made)
    #expect(text.components(separatedBy: "\"tier\":{\"name\":\"gold\"}").count == 3)
    #expect(text.components(separatedBy: "\"klaviyo\":{").count == 3)
    #expect(text.contains("],\"notice\":{\"version\":2}}"))
  }

  @Test("a NUL character in a text")
  func nulCharacter() async throws {
    let code = try await generate(2, .nulCharacter(count: 1))
    #expect(code.text.contains("\\u0000\",\"status\""))
    #expect(code.shown.map { $0?.code.hasSuffix("\u{0}") } == [true, false])
    #expect(code.shown.first??.code.dropLast() == code.made.first?.code[...])
    let reserved = try await generate(2, .nulCharacter(count: 1, field: .reservedFor))
    #expect(reserved.shown.first??.reservedFor == "sandbox-customer\u{0}")
    let error = try await generate(2, .nulCharacter(count: 1, field: .error))
    #expect(error.shown.first??.externalIds["shopify"]?.error?.hasSuffix("\u{0}") == true)
  }

  @Test("somebody else makes codes at the same moment, with the same prefix, unseen by the client")
  func somebodyElse() async throws {
    let clock = ManualTime()
    try await withSandbox(time: clock.time) { (caller) async throws in
      try caller.misbehave(
        .generate,
        .somebodyElse(count: 2),
        .somebodyElse(count: 1, prefix: .none),
        .somebodyElse(count: 1, prefix: .other)
      )
      let mine = try await caller.generate(3, prefix: "SUMMER").codes()
      #expect(mine.count == 3)
      let all = try await caller.list("order=asc").data()
      #expect(all.count == 7)
      #expect(Set(all.map(\.createdAt)).count == 1)
      #expect(all.filter { $0.code.hasPrefix("SUMMER") }.count == 5)
      let made = caller.sandbox.truth.made(ofReward: Caller.reward)
      #expect(made.map(\.request) == [1, 1, 1, nil, nil, nil, nil])
      #expect(caller.sandbox.truth.codesOfSomebodyElse == 4)
      #expect(caller.sandbox.truth.requests().first?.made == 3)
    }
  }

  /// As `generate`, for answers whose systems have other shapes than the contract's.
  private func withoutEntries(
    _ count: Int,
    _ fault: Fault
  ) async throws -> (shown: [String], text: String, made: [String]) {
    struct Id: Decodable {
      let id: String
    }
    struct Ids: Decodable {
      let codes: [Id]
    }
    return try await withSandbox { (caller) async throws in
      try caller.misbehave(.generate, fault)
      let answer = try await caller.generate(count)
      return (
        try answer.decoded(Ids.self).codes.map(\.id), answer.text,
        caller.sandbox.truth.ids(ofReward: Caller.reward)
      )
    }
  }
}
