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
  /// What was seen, on one line; never a secret.
  let observation: String
  /// What to do; nil if all is well.
  let remedy: String?

  private init(_ subject: String, _ verdict: Verdict, _ observation: String, _ remedy: String?) {
    self.subject = subject
    self.verdict = verdict
    self.observation = observation.onOneLine
    self.remedy = remedy
  }

  static func ok(_ subject: String, _ observation: String) -> Finding {
    Finding(subject, .ok, observation, nil)
  }

  static func warning(_ subject: String, _ observation: String, _ remedy: String) -> Finding {
    Finding(subject, .warning, observation, remedy)
  }

  static func failed(_ subject: String, _ observation: String, _ remedy: String) -> Finding {
    Finding(subject, .failed, observation, remedy)
  }
}
