import MemoryStore
import Provisioning
import Testing

@Suite("listed items that cannot be read")
struct UnreadableItemTests {
  @Test(
    "rule 8: such an item is no unknown code if the ledger knows its id, and counts as a null if not",
    arguments: LedgerKind.allCases
  )
  func recognized(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let id = try await scene.insert(5)
      let claimed = try await scene.claim()
      let known = scene.mint.make(5, of: Scene.reward)
      try await scene.settle(claimed, .issued(Answer(codes: known, nulls: 0, body: [])))
      #expect(try await scene.job(id).issued == 5)
      _ = try await scene.insert(2)
      _ = try await scene.doubtfulCall()
      _ = try await scene.doubt()
      let found = scene.mint.make(2, of: Scene.reward)
      let listed = try await scene.list(
        [found[0]],
        unreadable: [known[0].id, known[3].id, found[1].id]
      )
      #expect(listed.page.unknown == [found[0].id] && listed.page.recognized == 2)
    }
  }
}
