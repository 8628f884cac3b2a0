import Backstage
import Foundation
import Sandbox
import Testing

@Suite("An API that changes", .timeLimit(Patience.limit))
struct ChangedAPITests {
  @Test(
    "lists that say nothing of other pages, and systems that are an empty list: a lost answer is adopted from them"
  )
  func otherShapes() async throws {
    let api = SandboxConfiguration(sync: SyncShape(systems: []))
    try await Stage.play(api: api) { stage in
      _ = try stage.daemon(Stage.hasty)
      try await stage.firstAnswer()
      try await stage.put([
        FaultRule(.generate, .withheld(.externalIds, as: .list)),
        FaultRule(.list, .withheld(.externalIds, as: .list)),
        FaultRule(.list, .withheld(.pagination, as: .missing)),
        FaultRule(.generate, .reset(at: .beforeAnswer, made: .all), times: 1),
      ])
      try await stage.database.insert(Job(Reward.first, 1200))
      try await stage.database.allEnded()
      #expect(try await stage.database.unsound() == [])
      #expect(try await stage.count() == Stage.Count(stored: 1201, distinct: 1201, made: 1201))
      let adopted = "SELECT count(*) FROM codemint.calls WHERE state = 'adopted'"
      #expect(try await stage.database.number(adopted) == 1)
      try await stage.database.until(
        "EXISTS (SELECT FROM codemint.observed_facts WHERE value LIKE '%list: pagination is missing%')"
      )
    }
  }

  @Test("a daemon counts, records and logs what differs from the documents, and does its jobs")
  func differences() async throws {
    try await Stage.play { stage in
      try stage.sandbox.setFaults(
        FaultPlan(
          rules: [
            FaultRule(.generate, .extraFields(count: 2)),
            FaultRule(.generate, .unknownValues(count: 1)),
          ]
        )
      )
      let web = try Web()
      let daemon = try stage.daemon(["CODEMINT_HTTP_LISTEN": web.address])
      try await stage.database.insert([Job(Reward.first, 10)])
      try await stage.database.allEnded()
      try await daemon.errors.line("the API's answers differ from its documents")
      try await stage.database.until(
        "(SELECT count(*) FROM codemint.observed_facts WHERE fact = 'documents') >= 3"
      )
      let words = try await stage.database.texts(
        "SELECT seen FROM codemint.api_facts WHERE fact = 'documents'"
      )
      #expect(
        words.count == 1
          && words[0].hasPrefix("Answers differ from the API's documents, last: generate: ")
      )
      let metrics = try await web.get("/metrics").body
      let series = [
        #"codemint_api_differences_total{request="generate",kind="unknown_field",place="codes[]"} 1"#,
        #"codemint_api_differences_total{request="generate",kind="unknown_value",place="codes[].status"} 1"#,
      ]
      #expect(series.allSatisfy { metrics.contains($0) })
      let doctor = try stage.codemint(["doctor"])
      #expect(try await doctor.end() == .status(0))
      #expect(
        try await doctor.output.whole().contains {
          $0.contains("Answers differ from the API's documents")
        }
      )
    }
  }
}
