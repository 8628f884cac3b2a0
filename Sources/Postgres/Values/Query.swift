/// A statement with its parameters.
public struct Query: Sendable {
  /// The statement.
  public let statement: Statement
  /// The values of `$1`, `$2` and so on.
  public let parameters: [Parameter]

  /// A statement with its parameters.
  public init(_ statement: Statement, _ parameters: [Parameter] = []) {
    self.statement = statement
    self.parameters = parameters
  }
}
