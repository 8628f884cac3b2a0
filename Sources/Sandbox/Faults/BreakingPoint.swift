/// Where in an exchange the connection breaks.
public enum BreakingPoint: String, Sendable, Hashable, Codable {
  /// When the request's head has been read, before its body; nothing can have been made.
  case beforeRequestBody
  /// When the request has been read and carried out, before any byte of the answer.
  case beforeAnswer
  /// Behind the head of the answer.
  case afterHead
  /// In the middle of the answer's body.
  case inBody
  /// Behind the whole answer.
  case afterAnswer
}
