/// Who had a code made.
public enum CodeMaker: Sendable, Hashable {
  /// The request with this number, see `GenerateRequest.number`.
  case request(Int)
  /// The request with this number, which something on the way had sent once more; its sender sees the
  /// codes of the last time only.
  case resent(Int)
  /// Somebody who is no client of this sandbox, while it ran.
  case somebodyElse
  /// Somebody by hand, before anything was asked of this sandbox.
  case beforehand

  /// The request that it was made for, nil if for none.
  public var request: Int? {
    switch self {
    case .request(let number), .resent(let number): number
    case .somebodyElse, .beforehand: nil
    }
  }

  /// The word for it on the admin surface.
  var name: String {
    switch self {
    case .request: "request"
    case .resent: "resent"
    case .somebodyElse: "somebody_else"
    case .beforehand: "beforehand"
    }
  }
}
