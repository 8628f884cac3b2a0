// Tests of the store: one suite for the real database and for its stand-in in memory.
//
// Conformance/ holds what both must do, test by test and then step by step with random requests;
// every test of it runs on both (`LedgerKind`) and moves the time by hand, on the database too: a
// test database has `clock_timestamp()` replaced by one that reads a row. Database/ holds what only
// a Postgres has: constraints, locks, plans, migrations, concurrency, all with the real clock.
//
// One server a process (`TestServer`), a database a test, copied from a template.

import MemoryStore
import Provisioning
import TestSupport

/// A ledger that a test can ask as a worker does, look into, and move the clock of.
protocol LedgerUnderTest: Sendable {
  /// What the worker sees.
  var store: any Store { get }

  /// Inserts jobs with one statement.
  func insert(_ orders: [JobOrder]) async throws -> [JobID]

  /// Every row as it is now; without those of the codes, which are many, if they are not wanted.
  func facts(withCodes: Bool) async throws -> LedgerFacts

  /// The present, in microseconds.
  func now() async throws -> Int64

  /// Lets time pass.
  func pass(_ time: Duration) async throws

  /// Changes a row as somebody beside the workers does.
  /// - Returns: False if that cannot be done to a job in this state.
  @discardableResult
  func edit(_ edit: LedgerEdit) async throws -> Bool

  /// What was told to listeners since the last time of asking.
  func signals() async throws -> [Signal]
}

extension LedgerUnderTest {
  /// Every row as it is now.
  func facts() async throws -> LedgerFacts { try await facts(withCodes: true) }
}

/// What somebody else than a worker does to the rows.
enum LedgerEdit: Hashable, Sendable {
  /// An operator stops a job.
  case cancel(JobID)
  /// An operator pauses a job.
  case pause(JobID)
  /// An operator resumes a paused job.
  case resume(JobID)
  /// An operator opens a job again.
  case retry(JobID)
  /// An operator removes a job that has ended.
  case purge(JobID)
  /// An operator changes a job's priority.
  case priority(JobID, Int)
  /// A reconciler judges that a doubtful call never happened.
  case absent(CallID)
  /// A failover loses a claim.
  case lose(CallID)
  /// An operator sets limits.
  case limits(SetLimits)
  /// An operator limits the codes of a day.
  case codesPerDay(Int?)
  /// An operator gives a producer a share; nil takes it back. On a server the producer is a role.
  case share(String, Double?)
}

/// The two kinds of ledger.
enum LedgerKind: String, CaseIterable, Sendable {
  case memory, postgres
}

/// Lends a fresh ledger of this kind.
func withLedger(
  _ kind: LedgerKind,
  _ body: (any LedgerUnderTest) async throws -> Void
) async throws {
  switch kind {
  case .memory: try await MemoryUnderTest.lend(body)
  case .postgres: try await PostgresUnderTest.lend(body)
  }
}

/// When the clocks of the tests start, in microseconds.
let startOfTime: Int64 = 1_000_000_000_000_000
