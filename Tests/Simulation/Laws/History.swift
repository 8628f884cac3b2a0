import MemoryStore
import Provisioning

/// What the ledger said before, for the laws about what may never change.
struct History {
  private var codes: [CodeID: CodeRow] = [:]
  private var calls: [CallID: CallState] = [:]

  /// Compares rows with what they were at the last comparison.
  /// - Returns: A sentence about the first law that a change broke.
  mutating func compare(_ ledger: MemoryLedger, _ shown: [CodeID], _ asked: [CallID]) -> String? {
    for id in shown {
      defer { codes[id] = ledger.codes[id] }
      guard let old = codes[id] else { continue }
      guard let new = ledger.codes[id] else { return "code \(id) has left the ledger" }
      if new.isPurged { continue }
      if !old.isSurplus, new.isSurplus || (old.job, old.call) != (new.job, new.call) {
        return "code \(id) was counted and has moved"
      }
      if old.isFromAnswer, new.code.code != old.code.code || !new.isFromAnswer {
        return "code \(id) has lost the text that an answer showed"
      }
    }
    for id in asked {
      defer { calls[id] = ledger.calls[id]?.state }
      guard let old = calls[id], let new = ledger.calls[id]?.state, old != new else { continue }
      if !Self.may(old).contains(new) {
        return "call \(id.short) went from \(old.rawValue) to \(new.rawValue)"
      }
    }
    return nil
  }

  /// Where a call can go from a state, in however many steps.
  private static func may(_ state: CallState) -> Set<CallState> {
    switch state {
    case .sending: [.issued, .rejected, .unsent, .inDoubt, .adopted, .absent]
    case .inDoubt: [.issued, .rejected, .unsent, .adopted, .absent]
    case .unsent, .absent: [.issued]
    case .issued, .rejected, .adopted: []
    }
  }
}
