import Backstage
import Foundation
import Sandbox
import Testing

@Suite("An API that changes", .timeLimit(Patience.limit))
struct ChangedAPITests {
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
