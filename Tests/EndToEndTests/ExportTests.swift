import Foundation
import Sandbox
import Testing

@Suite("codemint export", .timeLimit(Patience.limit))
struct ExportTests {
  @Test("the codes of a job as CSV and as JSON lines, to standard output and to a file")
  func exports() async throws {
    try await Stage.play { stage in
      let daemon = try stage.daemon()
      try await stage.database.insert(Job(Reward.first, 700, prefix: "VIP"), Job(Reward.second, 5))
      try await stage.database.allEnded()
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))

      let csv = try stage.codemint(["export", "1"], ["CODEMINT_API_KEY": nil])
      #expect(try await csv.end() == .status(0))
      let lines = try await csv.output.whole()
      #expect(lines.count == 701)
      #expect(lines.first?.hasPrefix("id,code,job_id,reward_id,status,sync_status,") == true)
      let made = Set(stage.sandbox.truth.made(ofReward: Reward.first).map(\.code))
      let exported = lines.dropFirst().map { String($0.split(separator: ",")[1]) }
      let isWhole = Set(exported) == made
      #expect(isWhole && exported.count == made.count)
      #expect(csv.errors.count("a stand-in: none of them is real") == 1)

      let path = "\(stage.directory)/codes.jsonl"
      let file = try stage.codemint(["export", "1", "--format", "jsonl", "--output", path])
      #expect(try await file.end() == .status(0))
      #expect(try await file.output.whole() == [])
      #expect(file.errors.count("700 codes written to \(path)") == 1)
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.split(separator: "\n").count == 700)
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
    }
  }

  @Test("a job that does not exist ends with 65, a place that cannot be written to with 74")
  func refusals() async throws {
    try await Stage.play { stage in
      let path = "\(stage.directory)/none.csv"
      let unknown = try stage.codemint(["export", "7", "--output", path])
      #expect(try await unknown.end() == .status(65))
      #expect(unknown.errors.count("there is no job 7") == 1)
      let left = try FileManager.default.contentsOfDirectory(atPath: stage.directory)
      #expect(left == [])
      let nowhere = try stage.codemint(["export", "7", "--output", "/no/such/place"])
      #expect(try await nowhere.end() == .status(74))
      let wrong = try stage.codemint(["export", "7", "--format", "xml"])
      #expect(try await wrong.end() == .status(64))
      let column = try stage.codemint(["export", "7", "--columns", "id,price"])
      #expect(try await column.end() == .status(64))
      #expect(column.errors.count("there is no column \"price\"; there are id, code,") == 1)
    }
  }
}
