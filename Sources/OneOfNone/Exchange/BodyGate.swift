internal import Synchronization

/// Decides exactly once whether a request's body is sent, and remembers the decision.
///
/// The gate makes "not sent" provable. The HTTP client's errors are the same before and after the body
/// was sent, but a body that the gate did not hand over cannot have been sent (protocol, rules 3 and
/// 5). Everything happens under one lock, so a body is handed over before the gate closes, or never.
final class BodyGate: Sendable {
  /// What happened to the body.
  enum Passage: Hashable, Sendable, CaseIterable {
    /// It was handed over. From now on nothing proves that it did not arrive.
    case handedOver
    /// It was not handed over, because the lease was over.
    case leaseLost
    /// It was not handed over, because the caller withdrew the call before.
    case withdrawn
    /// The client never asked for it.
    case neverAsked
  }

  private enum State { case waiting, passed(Passage) }

  private let state = Mutex(State.waiting)
  private let mayStillSend: @Sendable () -> Bool

  init(mayStillSend: @escaping @Sendable () -> Bool) {
    self.mayStillSend = mayStillSend
  }

  /// Whether the body may be sent now. True at most once, and only if the lease is not over.
  func open() -> Bool {
    state.withLock { state in
      guard case .waiting = state else { return false }
      let passage = mayStillSend() ? Passage.handedOver : .leaseLost
      state = .passed(passage)
      return passage == .handedOver
    }
  }

  /// Withdraws the call if its body has not been handed over yet, and returns whether that succeeded.
  func withdraw() -> Bool {
    end(as: .withdrawn) != .handedOver
  }

  /// Closes the gate for ever, before anything is concluded, and returns what happened to the body.
  func close() -> Passage {
    end(as: .neverAsked)
  }

  private func end(as passage: Passage) -> Passage {
    state.withLock { state in
      if case .passed(let earlier) = state { return earlier }
      state = .passed(passage)
      return passage
    }
  }
}

/// A request's body as bytes that pass a gate at the moment when the client takes them.
///
/// The client takes the bytes on its event loop, after the connection is open and the head is written.
/// It hands them over together with the end of the body. This has two effects. Nothing suspends between
/// the gate's answer and the hand-over, and the request is complete before an answer can come. With a
/// stream, the client notes the end of the body one task switch later. If a server answers and closes
/// the connection within that time, the client discards the answer.
///
/// A gate that does not open gives no bytes. The head announces more, so the client fails the request
/// and closes the connection: the server sees a head without a body.
struct GatedBytes: Collection, Sendable {
  private let bytes: [UInt8]
  private let gate: BodyGate

  init(_ bytes: [UInt8], gate: BodyGate) {
    self.bytes = bytes
    self.gate = gate
  }

  var startIndex: Int { 0 }

  /// The announced length, whatever the gate decides.
  var endIndex: Int { bytes.count }

  func index(after index: Int) -> Int { index + 1 }

  subscript(index: Int) -> UInt8 { bytes[index] }

  /// The client calls this once to take the bytes.
  func withContiguousStorageIfAvailable<Result>(
    _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
  ) rethrows -> Result? {
    guard gate.open() else { return try body(UnsafeBufferPointer(start: nil, count: 0)) }
    return try bytes.withUnsafeBufferPointer(body)
  }
}

/// The body of a generate request: `{"count":500,"prefix":"SUMMER"}`. The API accepts no other keys
/// and no nulls.
enum GenerateBody {
  static func bytes(size: Int, prefix: String?) -> [UInt8] {
    var text = "{\"count\":\(size)"
    if let prefix { text += ",\"prefix\":\(quoted(prefix))" }
    return Array((text + "}").utf8)
  }

  /// The text as a JSON string (RFC 8259, section 7).
  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\0"..<" ":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
