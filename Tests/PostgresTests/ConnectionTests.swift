import Postgres
import Testing

@Suite("one connection and several tasks")
struct ConnectionTests {
  @Test("statements of several tasks are run one after the other")
  func concurrent() async throws {
    let connection = try await TestServer.connection()
    let answers = try await withThrowingTaskGroup(of: Int32.self) { group in
      for number in 0..<50 {
        group.addTask {
          try await connection.script("SELECT pg_sleep(0.001)")
          return try await connection.query("SELECT $1", [.int4(Int32(number))]).one().int32(0)
        }
      }
      var answers: Set<Int32> = []
      for try await answer in group { answers.insert(answer) }
      return answers
    }
    #expect(answers.count == 50)
  }
}
