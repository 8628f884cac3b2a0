import Provisioning
import Testing

@testable import Ledger
@testable import OneOfNone
@testable import codemint

@Suite("codemint probe says what happened")
struct ProbeReadingTests {
  private static func page(
    _ differences: [ContractDifference: Int] = [:],
    pagination: [String] = ["limit"]
  ) -> Sight {
    Sight(
      status: 200,
      cause: nil,
      duration: .milliseconds(5),
      receivedAt: Timestamp(microseconds: 0),
      date: Timestamp(microseconds: 0),
      httpVersion: "HTTP/1.1",
      headers: [:],
      feedback: nil,
      allowedPerSecond: nil,
      differences: differences,
      error: nil,
      isErrorDocumented: true,
      page: SeenPage(
        count: 1,
        nulls: 0,
        ids: [],
        createdAt: [],
        forms: [],
        withheld: [:],
        pagination: pagination,
        total: nil
      )
    )
  }

  private static func line(_ subject: String, _ sight: Sight, codes: [String] = ["PROBEX"])
    -> ProbeReport.Line?
  {
    var spent = SpentCodes()
    spent.answered = codes.map { code in
      AnsweredCode(
        id: CodeID(UniqueID(bits: 1)),
        code: code,
        prefix: "Pro-be",
        size: 1,
        duration: nil,
        createdAt: nil,
        sentAt: nil,
        settledAt: nil,
        age: .zero,
        syncStatus: "pending",
        systems: []
      )
    }
    let reading = ProbeReading(
      Probe.Sightings(sights: [.most: sight]),
      spent,
      settings: Settings()
    )
    return reading.lines.first { $0.subject == subject }
  }

  @Test(
    "what became of a prefix is told by trying capitals, punctuation, a cut, and other places",
    arguments: [
      ("Pro-beA", "codes begin with it as it is"),
      ("PRO-BEA", "codes begin with it in upper case"),
      ("pro-bea", "codes begin with it in lower case"),
      ("ProbeA", "codes begin with it without punctuation"),
      ("PROBEA", "codes begin with it in upper case and without punctuation"),
      ("probea", "codes begin with it in lower case and without punctuation"),
      ("Pro-X", "only its first 4 characters are left, as it is"),
      ("PROXX", "only its first 3 characters are left, in upper case"),
      (
        "XXPROBE",
        "codes contain it in upper case and without punctuation, but do not begin with it"
      ),
      ("PXXXX", "it is not there"),
    ]
  )
  func prefix(code: String, words: String) {
    let line = Self.line("prefix", Self.page(), codes: [code, code + "Z"])
    #expect(line?.seen == words)
    #expect(line?.differs == !code.hasPrefix("Pro-be"))
  }

  @Test("externalIds of another type, and a pagination that is missing, are differences by name")
  func named() {
    #expect(Self.line("externalIds", Self.page())?.differs == false)
    let list = Self.line(
      "externalIds",
      Self.page([ContractDifference(.wrongType, .list, "data[].externalIds"): 1])
    )
    #expect(list?.differs == true)
    #expect(
      list?.seen == "no system; 1 pending; list: data[].externalIds has another type"
    )
    #expect(Self.line("pagination", Self.page())?.differs == false)
    #expect(Self.line("pagination", Self.page(pagination: []))?.differs == false)
    let none = Self.line(
      "pagination",
      Self.page([ContractDifference(.missingField, .list, "pagination"): 1], pagination: [])
    )
    #expect(none?.differs == true && none?.seen == "none")
  }
}
