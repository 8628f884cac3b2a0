import Ledger

extension JobSync {
  /// How far a job's codes are in other systems, in few words: "done", or how many are pending or in
  /// error; empty if nothing can be said yet.
  var words: String {
    if pending == 0, error == 0 { return doneAt == nil ? "" : "done" }
    let parts = [(pending, "pending"), (error, "error")]
    return parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)" }.joined(separator: ", ")
  }
}
