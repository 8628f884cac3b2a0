import MemoryStore
import Provisioning
import Synchronization
import Testing

/// The ledger in memory.
struct MemoryUnderTest: LedgerUnderTest {
  let memory: MemoryStore
  private let clock: ManualClock

  init() {
    clock = ManualClock()
    memory = MemoryStore(clock: clock)
  }

  /// Lends a fresh one, and passes afterwards whether an invariant broke.
  static func lend(_ body: (any LedgerUnderTest) async throws -> Void) async throws {
    let ledger = MemoryUnderTest()
    try await body(ledger)
    #expect(ledger.memory.brokenInvariants.isEmpty)
  }

  var store: any Store { memory }

  func insert(_ orders: [JobOrder]) async throws -> [JobID] {
    memory.change { ledger, now in ledger.insert(orders, now: now) }
  }

  func now() async throws -> Int64 { clock.now.nanoseconds / 1000 }

  func pass(_ time: Duration) async throws {
    clock.pass(time)
  }

  func signals() async throws -> [Signal] {
    memory.change { ledger, _ in ledger.takeSignals() }
  }

  func facts(withCodes: Bool) async throws -> LedgerFacts {
    let ledger = memory.ledger
    var facts = LedgerFacts()
    facts.jobs = ledger.jobs
    facts.calls = ledger.calls
    if withCodes { facts.codes = ledger.codes }
    facts.rewards = ledger.rewards
    facts.watches = ledger.watches
    facts.account = ledger.account
    facts.apiClock = ledger.apiClock
    facts.apiFacts = ledger.apiFacts
    facts.prunedUntil = ledger.prunedUntil
    facts.workers = ledger.workers
    facts.unattributed = ledger.unattributed.compactMapValues(\.call)
    facts.rawCodes = ledger.rawCodes
    facts.answers = ledger.answers
    facts.tracked = ledger.tracked
    facts.resyncs = ledger.resyncs
    return facts
  }

  func edit(_ edit: LedgerEdit) async throws -> Bool {
    memory.change { ledger, now in
      switch edit {
      case .cancel(let id): return ledger.cancel(id, note: "why", now: now)
      case .pause(let id): return ledger.pause(id, now: now)
      case .resume(let id): return ledger.resume(id, now: now)
      case .retry(let id): return ledger.retry(id, now: now)
      case .purge(let id): return ledger.purge(id)
      case .priority(let id, let priority): return ledger.setPriority(id, priority)
      case .absent(let call): ledger.judgeAbsent(call, now: now)
      case .lose(let call): ledger.lose(call, now: now)
      case .limits(let limits): ledger.setLimits(limits, now: now)
      case .codesPerDay(let codes): ledger.setCodesPerDay(codes)
      case .share(let producer, let share): ledger.shares[producer] = share
      }
      return true
    }
  }
}

/// A clock that moves only when it is told to.
final class ManualClock: WorkerClock {
  private let microseconds = Mutex(startOfTime)

  var now: Instant { Instant(nanoseconds: microseconds.withLock { $0 } * 1000) }

  func pass(_ time: Duration) {
    microseconds.withLock { $0 += time.microseconds }
  }

  /// Nobody sleeps in a store: time is moved to the instant instead.
  func sleep(until instant: Instant) async throws(CancellationError) {
    microseconds.withLock { $0 = max($0, instant.nanoseconds / 1000) }
  }
}
