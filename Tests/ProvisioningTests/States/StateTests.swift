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
