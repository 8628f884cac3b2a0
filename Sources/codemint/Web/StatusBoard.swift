import Ledger
import Postgres
import Provisioning

/// What the page, health checks and metrics ask of the database. However many ask, each question is asked
/// once at a time, and what the page shows at most about once a second.
struct StatusBoard: Sendable {
  /// The data of the status page.
  let page: Shared<Answer<StatusFacts>>
  /// The codes of each minute of the last half hour; empty if they are not known.
  let minutes: Shared<[Int]>
  /// Everything about one job.
  let jobs: JobBoard
  /// Why nothing is done although there is work; nil if that is not so.
  let standstill: Shared<Answer<String?>>
  /// The numbers for the metrics.
  let gauges: Shared<Answer<LedgerGauges>>

  /// An answer, or why there is none, in words for everybody.
  typealias Answer<Value: Sendable> = Result<Value, Unanswered>

  /// The pages are for everybody, so this has the kind of failure and not the database's words.
  struct Unanswered: Error {
    let words: String

    init(_ words: String) { self.words = words }

    /// No answer in the time that everybody has.
    static let late = Unanswered(
      "the database has not answered in \(OverviewQueries.deadline.components.seconds) seconds"
    )

    init(_ error: PostgresError) {
      if let refusal = error.loginRefusal {
        words = "\(refusal.words); \(refusal.remedy)"
      } else if error.code == .deadlineExceeded {
        words = Self.late.words
      } else if error.isConnectionLost {
        words = "the database does not answer"
      } else if error.sqlState == "55P03" {
        // Who has locked the table, in words of ours.
        words = error.message
      } else {
        words =
          "the database refuses what this page asks for (\(error.sqlState ?? "\(error.code)"))"
      }
    }
  }

  init(queries: OverviewQueries) {
    page = Shared { await Self.answer { () throws(PostgresError) in try await queries.page() } }
    minutes = Shared(freshness: .seconds(20)) {
      let text = try? await queries.minutes()
      return text.flatMap { try? LedgerReport.read($0) } ?? []
    }
    jobs = JobBoard { job, left in
      await Self.answer { () throws(PostgresError) in try await queries.explain(job, within: left) }
    }
    standstill = Shared {
      await Self.answer { () throws(PostgresError) in try await queries.standstill() }
    }
    // Who scrapes the metrics chooses how often.
    gauges = Shared(freshness: .zero) {
      await Self.answer { () throws(PostgresError) in try await queries.gauges() }
    }
  }

  private static func answer<Value>(
    _ question: () async throws(PostgresError) -> Value
  ) async -> Answer<Value> {
    do throws(PostgresError) {
      return .success(try await question())
    } catch {
      return .failure(Unanswered(error))
    }
  }
}

/// A value that is fetched once for all who ask together.
actor Shared<Value: Sendable> {
  private let fetch: @Sendable () async -> Value
  private let clock = SystemClock()
  private var latest: (value: Value, takenAt: Instant)?
  private var fetching: Task<Value, Never>?

  private let freshness: Duration

  /// - Parameter freshness: How old a value may be that is not fetched again.
  init(
    freshness: Duration = .milliseconds(900),
    _ fetch: @escaping @Sendable () async -> Value
  ) {
    self.freshness = freshness
    self.fetch = fetch
  }

  /// The value.
  var value: Value {
    get async {
      if let latest, clock.now - latest.takenAt < freshness { return latest.value }
      if let fetching { return await fetching.value }
      let fetch = fetch
      let task = Task { await fetch() }
      fetching = task
      let value = await task.value
      fetching = nil
      latest = (value, clock.now)
      return value
    }
  }
}

/// Everything about single jobs. However many ask, one question is before the database at a time, so that health
/// checks, which have the same connection, wait for one at most. Who has waited for the turn as long as an answer may
/// take gets none, and who comes when many wait gets none at once.
actor JobBoard {
  typealias Answer = StatusBoard.Answer<String?>

  /// How many may wait.
  static let most = 16

  private let deadline: Duration
  private let fetch: @Sendable (Int64, Duration) async -> Answer
  private var latest: (job: Int64, answer: Shared<Answer>)?
  private var running: Task<Void, Never>?
  /// How many wait, whoever has the turn included.
  private(set) var waiting = 0

  /// - Parameters:
  ///   - deadline: For the turn and the answer.
  ///   - fetch: Asks about a job, with what is left of the time.
  init(
    deadline: Duration = OverviewQueries.deadline,
    _ fetch: @escaping @Sendable (Int64, Duration) async -> Answer
  ) {
    self.deadline = deadline
    self.fetch = fetch
  }

  /// What is known of the job; nil if there is no such job.
  func explain(_ job: Int64) async -> Answer {
    guard waiting < Self.most else {
      return .failure(.init("too many ask about jobs at once; try again in a few seconds"))
    }
    waiting += 1
    defer { waiting -= 1 }
    let fetch = fetch
    let end = ContinuousClock.now + deadline
    let answer = latest?.job == job ? latest?.answer : nil
    let shared =
      answer
      ?? Shared {
        let left = end - .now
        return left > .zero ? await fetch(job, left) : .failure(.late)
      }
    latest = (job, shared)
    let before = running
    let task = Task {
      await before?.value
      return await shared.value
    }
    running = Task { _ = await task.value }
    return await task.value
  }
}
