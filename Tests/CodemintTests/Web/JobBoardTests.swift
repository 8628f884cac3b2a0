import Testing

@testable import codemint

/// Many who ask about single jobs, and a database that is slow.
@Suite("Questions about single jobs")
struct JobBoardTests {
  @Test("who comes when many wait is refused at once, and those who wait get their answers")
  func crowd() async throws {
    let (gate, door) = AsyncStream<Void>.makeStream()
    let board = JobBoard(deadline: .seconds(3600)) { job, _ in
      for await _ in gate {}
      return .success("job \(job)")
    }
    let jobs = Int64(1)...Int64(JobBoard.most)
    let asked = jobs.map { job in Task { await board.explain(job) } }
    while await board.waiting < JobBoard.most { await Task.yield() }
    let refused = await Self.words(board.explain(0))
    #expect(refused?.hasPrefix("too many ask about jobs at once") == true)
    door.finish()
    for (job, task) in zip(jobs, asked) { #expect(try await task.value.get() == "job \(job)") }
    #expect(try await board.explain(0).get() == "job 0")
  }

  @Test("whose time is over before the turn comes gets no answer, and the database is not asked")
  func late() async {
    let board = JobBoard(deadline: .zero) { _, _ in
      Issue.record("the database was asked")
      return .success(nil)
    }
    #expect(await Self.words(board.explain(1)) == "the database has not answered in 5 seconds")
  }

  private static func words(_ answer: JobBoard.Answer) -> String? {
    guard case .failure(let unanswered) = answer else { return nil }
    return unanswered.words
  }
}
