import Provisioning
import Testing

@Suite("how codes are followed")
struct SyncRulesTests {
  @Test("pauses grow from the first to the longest")
  func pauses() {
    let rules = SyncRules.standard
    let seconds = (1...9).map { Int(rules.pause(after: $0).seconds) }
    #expect(seconds == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600])
    #expect(rules.pause(after: 0) == .seconds(30))
    #expect(rules.pause(after: .max) == .seconds(3600))
  }

  @Test("each request to copy once more has longer than the one before")
  func resyncs() {
    #expect(SyncRules.standard.resyncPauses == [.seconds(120), .seconds(480), .seconds(1920)])
    var never = SyncRules.standard
    never.retries = 0
    #expect(never.resyncPauses == [])
  }

  @Test("looks that read everything are few")
  func wholes() {
    #expect((1...600).filter(SyncRules.readsWhole) == [8, 64, 512])
  }

  @Test("a first pause above the longest is the longest")
  func shortest() {
    let rules = SyncRules(
      first: .seconds(9),
      longest: .seconds(4),
      patience: .seconds(60),
      retries: 1
    )
    #expect(rules.pause(after: 1) == .seconds(4) && rules.resyncPauses == [.seconds(4)])
  }
}
