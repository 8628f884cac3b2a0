import Provisioning
import Testing

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
