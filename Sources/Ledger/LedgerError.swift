/// What keeps the ledger from being used at all.
public struct LedgerError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public struct Code: Hashable, Sendable {
    private enum Value: Hashable { case schema, job, privilege }
    private let value: Value
    private init(_ value: Value) { self.value = value }

    /// The schema is not the one that this binary needs.
    public static let schema = Code(.schema)
    /// There is no job with that number.
    public static let job = Code(.job)
    /// The login may not do what the daemon does.
    public static let privilege = Code(.privilege)
  }

  /// The kind of failure.
  public let code: Code
  /// What happened and what to do.
  public let description: String

  /// An error of this kind.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }
}
