/// The version of a PostgreSQL server, and whether codemint works with it.
public struct ServerVersion: Sendable, CustomStringConvertible {
  /// The oldest server that the tests run on, as `server_version_num` has it.
  public static let oldest = ServerVersion(150_000)

  /// For example 150004 for 15.4.
  private let number: Int

  /// - Parameter number: What `PQserverVersion` returns.
  public init(_ number: Int) {
    self.number = number
  }

  /// For example `PostgreSQL 15.4`.
  public var description: String { "PostgreSQL \(number / 10_000).\(number % 10_000)" }

  /// What to do first, in one sentence; nil if the server is new enough.
  public var remedy: String? {
    number >= Self.oldest.number ? nil : "use PostgreSQL \(Self.oldest.number / 10_000) or later"
  }

  /// Why codemint does not work with the server; nil if it does.
  public var complaint: String? {
    remedy.map { "the server is \(self): \($0)" }
  }
}
