/// One thing that the doctor has looked at.
struct Finding: Hashable, Sendable, Encodable {
  /// How it stands.
  enum Verdict: String, Sendable, Encodable {
    case ok
    /// It works, and something ought to be seen to.
    case warning
    /// codemint cannot work, or not safely.
    case failed
  }

  /// What was looked at, in a word or two.
  let subject: String
  let verdict: Verdict
  /// What was seen; never a secret.
  let observation: String
  /// What to do; nil if all is well.
  let remedy: String?

  static func ok(_ subject: String, _ observation: String) -> Finding {
    Finding(subject: subject, verdict: .ok, observation: observation, remedy: nil)
  }

  static func warning(_ subject: String, _ observation: String, _ remedy: String) -> Finding {
    Finding(subject: subject, verdict: .warning, observation: observation, remedy: remedy)
  }

  static func failed(_ subject: String, _ observation: String, _ remedy: String) -> Finding {
    Finding(subject: subject, verdict: .failed, observation: observation, remedy: remedy)
  }
}
