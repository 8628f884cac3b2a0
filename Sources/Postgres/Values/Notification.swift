/// What a NOTIFY brought.
public struct Notification: Hashable, Sendable {
  /// The channel.
  public let channel: String
  /// The payload, empty if there was none.
  public let payload: String
  /// The process id of the server process that sent it.
  public let serverProcess: Int32

  /// A notification as it would have come.
  public init(channel: String, payload: String, serverProcess: Int32) {
    self.channel = channel
    self.payload = payload
    self.serverProcess = serverProcess
  }
}
