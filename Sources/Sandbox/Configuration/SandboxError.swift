/// Why a sandbox cannot be made as it was asked for.
public struct SandboxError: Error, Equatable, CustomStringConvertible {
  /// Which kind of mistake it is; more may come.
  public struct Code: Hashable, Sendable {
    let name: String
    /// A value of the configuration is out of its range or contradicts another one.
    public static let invalidConfiguration = Code(name: "invalid configuration")
    /// A fault plan cannot be read or asks for something impossible.
    public static let invalidFaultPlan = Code(name: "invalid fault plan")
    /// The address cannot be listened on.
    public static let cannotListen = Code(name: "cannot listen")
  }

  /// The kind of mistake.
  public let code: Code
  /// What is wrong, and what would be right.
  public let reason: String

  /// What is wrong, and what would be right.
  public var description: String { "\(code.name): \(reason)" }

  static func configuration(_ reason: String) -> SandboxError {
    SandboxError(code: .invalidConfiguration, reason: reason)
  }

  static func faultPlan(_ reason: String) -> SandboxError {
    SandboxError(code: .invalidFaultPlan, reason: reason)
  }
}
