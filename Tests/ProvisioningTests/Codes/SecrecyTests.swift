import Provisioning
import Testing

@Suite("A code's value is never shown")
struct SecrecyTests {
  /// Every way in which Swift turns a value into text for people.
  static func renderings(_ value: some Any) -> [String] {
    var dumped = ""
    dump(value, to: &dumped)
    var nested = ""
    dump(["key": [value]], to: &nested)
    return [
      "\(value)", String(describing: value), String(reflecting: value), dumped, nested,
      "\([value])", "\(Optional(value) as Any)",
      "\(Mirror(reflecting: value).children.map(\.value))",
    ]
  }

  /// The value as text, and as the list of its bytes.
  static let forbidden = [
    Samples.secretValue,
    Samples.secretValue.utf8.map(String.init).joined(separator: ", "),
    Samples.secretValue.utf8.map { "- \($0)" }.joined(separator: "\n"),
    "\(Samples.secretValue.utf8.first ?? 0), \(Samples.secretValue.utf8.dropFirst().first ?? 0)",
  ]

  static func expectSilence(
    _ value: some Any,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for text in renderings(value) {
      let isSilent = forbidden.allSatisfy { !text.contains($0) }
      #expect(isSilent, "a rendering shows a code's value", sourceLocation: sourceLocation)
    }
    let lines = renderings(value).flatMap { $0.split(separator: "\n") }
    let bytes = lines.filter { line in
      line.split(separator: " ").last == "\(Samples.secretValue.utf8.first ?? 0)"
    }
    #expect(bytes.isEmpty, "a rendering shows a code's bytes", sourceLocation: sourceLocation)
  }

  @Test("by a code, which still shows its id")
  func code() {
    let code = Samples.code(1, externalIDs: Array(Samples.secretValue.utf8))
    Self.expectSilence(code)
    #expect(code.description.contains(code.id.description))
  }

  @Test("by an answer or a report that holds it, nor are its raw bytes")
  func answer() {
    let answer = Samples.answer([Samples.code(1), Samples.code(2)], nulls: 1)
    Self.expectSilence(answer)
    Self.expectSilence(CallOutcome.issued(answer))
    Self.expectSilence(
      CallReport(outcome: .issued(answer), httpStatus: 201, duration: .seconds(1))
    )
  }

  @Test("by a settlement that holds it, nor are the bytes of an answer that could not be stored")
  func settlement() {
    let answer = Samples.answer([Samples.code(1), Samples.code(2, reward: Samples.otherReward)])
    let settlement = SettlementRule.settle(
      Samples.call(size: 2),
      by: Samples.worker,
      lengths: Samples.lengths,
      report: CallReport(outcome: .issued(answer), httpStatus: 201, duration: .seconds(1)),
      team: nil,
      jitter: 0
    )
    Self.expectSilence(settlement)
    Self.expectSilence(SettlementRule.unstorable(settlement, answer: answer, cause: "a zero byte"))
  }
}
