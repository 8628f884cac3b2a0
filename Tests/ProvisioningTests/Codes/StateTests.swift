import MemoryStore
import Provisioning
import Testing

@Suite("States")
struct StateTests {
  @Test("only a queued or running job takes calls")
  func takesCalls() {
    #expect(JobState.allCases.filter(\.takesCalls) == [.queued, .running])
  }

  @Test("only a completed, failed or cancelled job is terminal")
  func terminal() {
    #expect(JobState.allCases.filter(\.isTerminal) == [.completed, .failed, .cancelled])
  }

  @Test("a terminal job takes no calls")
  func exclusive() {
    #expect(JobState.allCases.allSatisfy { !($0.takesCalls && $0.isTerminal) })
  }

  @Test("only a call whose outcome is not known holds room of its job")
  func holdsRoom() {
    #expect(CallState.allCases.filter(\.holdsRoom) == [.sending, .inDoubt])
  }

  @Test("the words are those of the ledger")
  func words() {
    #expect(
      JobState.allCases.map(\.rawValue)
        == ["queued", "running", "ending", "completed", "failed", "cancelled"]
    )
    #expect(
      CallState.allCases.map(\.rawValue)
        == ["sending", "issued", "rejected", "unsent", "in_doubt", "adopted", "absent"]
    )
    #expect(PauseReason.allCases.map(\.rawValue) == ["throttled", "unreachable", "failing"])
  }
}

@Suite("Sync status")
struct SyncStatusTests {
  @Test(
    "a code's status is the worst of its systems'",
    arguments: [
      ([], .none), (["synced"], .synced), (["synced", "synced"], .synced), (["pending"], .pending),
      (["synced", "pending"], .pending), (["pending", "synced"], .pending), (["error"], .error),
      (["synced", "error", "pending"], .error), (["pending", "error"], .error),
      (["paused"], .pending), (["synced", "SYNCED"], .pending), (["", "error"], .error),
    ] as [([String], SyncStatus)]
  )
  func worst(words: [String], expected: SyncStatus) {
    #expect(SyncStatus.worst(of: words) == expected)
  }

  @Test("the order of the systems makes no difference", arguments: 0..<20 as Range<UInt64>)
  func order(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let words = (0..<6).compactMap { _ in
      ["synced", "pending", "error", "other"].randomElement(using: &random)
    }
    #expect(SyncStatus.worst(of: words) == SyncStatus.worst(of: words.shuffled(using: &random)))
    #expect(SyncStatus.worst(of: words + ["error"]) == .error)
  }

  @Test("the words are those of the ledger")
  func words() {
    #expect(SyncStatus.allCases.map(\.rawValue) == ["none", "pending", "synced", "error"])
  }
}
