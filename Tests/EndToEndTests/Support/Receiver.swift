import Backstage
import Foundation
import Synchronization

/// Somebody's web server that gets webhooks, over real sockets, and misbehaves as told.
final class Receiver: Sendable {
  /// A message as it came.
  struct Message: Sendable {
    let id: String
    let timestamp: Int64
    let signature: String
    let body: String
    /// Whether it was answered with 2xx.
    var isTaken = false

    /// What is behind a name in the body, which has no name twice.
    func value(_ name: String) -> String? {
      let pattern = try? Regex(#""\#(name)": ?"?([^",}]*)"#)
      return pattern.flatMap { body.firstMatch(of: $0) }?[1].substring.map(String.init)
    }
  }

  /// What becomes of a message.
  enum Reply: Sendable {
    case answer(Int, headers: [String] = [])
    /// The same after so many milliseconds.
    case slow(Int, milliseconds: Int32)
    /// The connection ends without an answer.
    case close
    /// No answer comes, as long as the sender waits.
    case hang
  }

  /// Decides by the number of the message, from 1.
  typealias Behaviour = @Sendable (_ number: Int, Message) -> Reply

  /// On 127.0.0.1.
  let port: Int
  private let messages = Watched<[Message]>([])
  private let behaviour: Mutex<Behaviour>
  private let socket = Mutex<Int32>(-1)

  /// - Parameter isDown: Whether nobody listens yet.
  init(isDown: Bool = false, _ behaviour: @escaping Behaviour = { _, _ in .answer(204) }) throws {
    self.behaviour = Mutex(behaviour)
    let first = try Self.listen(0)
    var place = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    _ = withUnsafeMutablePointer(to: &place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(first, $0, &size) }
    }
    port = Int(UInt16(bigEndian: place.sin_port))
    if isDown { close(first) } else { serve(first) }
  }

  deinit {
    goDown()
  }

  /// As `webhooks.receivers` has it.
  func setting(_ name: String, kinds: String? = nil) -> String {
    let kinds = kinds.map { ", \"kinds\": [\($0)]" } ?? ""
    return
      #"{"name": "\#(name)", "url": "http://127.0.0.1:\#(port)/hook", "allow_private": true\#(kinds)}"#
  }

  /// Every message so far, in the order in which they came.
  var all: [Message] { messages.now }

  /// Waits until the messages are as wanted.
  func until(_ isRight: @escaping @Sendable ([Message]) -> Bool) async throws {
    _ = try await messages.first { isRight($0) ? true : nil }
  }

  /// Behaves otherwise from now on.
  func behave(_ behaviour: @escaping Behaviour) {
    self.behaviour.withLock { $0 = behaviour }
  }

  /// Listens again, on the same port.
  func comeUp() throws {
    serve(try Self.listen(port))
  }

  /// Listens no more.
  func goDown() {
    // Ends the thread's `accept`; the thread closes what it used.
    socket.withLock { socket in
      if socket >= 0 { shutdown(socket, Int32(SHUT_RDWR)) }
      socket = -1
    }
  }

  private static func listen(_ port: Int) throws -> Int32 {
    let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue) | O_CLOEXEC, 0)
    var on: Int32 = 1
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = in_port_t(port).bigEndian
    place.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let code = withUnsafePointer(to: place) { place in
      place.withMemoryRebound(to: sockaddr.self, capacity: 1) { place in
        bind(socket, place, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
          ? Glibc.listen(socket, 64) : -1
      }
    }
    guard code == 0 else { throw SystemRefusal("listen") }
    return socket
  }

  private func serve(_ listening: Int32) {
    socket.withLock { $0 = listening }
    Thread.detachNewThread { [weak self] in
      while true {
        let visitor = accept(listening, nil, nil)
        if visitor < 0, errno == EINTR || errno == ECONNABORTED { continue }
        guard visitor >= 0 else { break }
        Thread.detachNewThread { [weak self] in
          while let receiver = self, let text = Self.request(visitor) {
            guard receiver.answer(text, on: visitor) else { break }
          }
          close(visitor)
        }
      }
      close(listening)
    }
  }

  /// One request, head and body; nil if the sender has gone.
  private static func request(_ visitor: Int32) -> String? {
    var text = ""
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      if let end = text.firstRange(of: "\r\n\r\n") {
        let length = text.lowercased().firstMatch(of: /content-length: (\d+)/).flatMap { Int($0.1) }
        if text[end.upperBound...].utf8.count >= length ?? 0 { return text }
      }
      let count = recv(visitor, &chunk, chunk.count, 0)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      text += String(decoding: chunk.prefix(count), as: UTF8.self)
    }
  }

  /// Answers a request, and returns whether the connection may have another one.
  private func answer(_ text: String, on visitor: Int32) -> Bool {
    func header(_ name: String) -> String {
      let line = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("\(name): ") }
      return line.map { String($0.dropFirst(name.count + 2)) } ?? ""
    }
    let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
    let message = Message(
      id: header("webhook-id"),
      timestamp: Int64(header("webhook-timestamp")) ?? 0,
      signature: header("webhook-signature"),
      body: parts.count > 1 ? String(parts[1]) : ""
    )
    let behaviour = behaviour.withLock { $0 }
    let reply = behaviour(messages.now.count + 1, message)
    func note(_ status: Int) {
      messages.change { messages in
        var message = message
        message.isTaken = (200..<300).contains(status)
        messages.append(message)
      }
    }
    switch reply {
    case .answer(let status, let headers):
      note(status)
      return send(status, headers, to: visitor)
    case .slow(let status, let milliseconds):
      var nothing = pollfd(fd: -1, events: 0, revents: 0)
      poll(&nothing, 1, milliseconds)
      note(status)
      return send(status, [], to: visitor)
    case .close:
      note(0)
      return false
    case .hang:
      note(0)
      var byte: UInt8 = 0
      _ = recv(visitor, &byte, 1, 0)
      return false
    }
  }

  private func send(_ status: Int, _ headers: [String], to visitor: Int32) -> Bool {
    let head = ["HTTP/1.1 \(status) x", "content-length: 0"] + headers
    let answer = head.joined(separator: "\r\n") + "\r\n\r\n"
    return Glibc.send(visitor, answer, answer.utf8.count, Int32(MSG_NOSIGNAL)) == answer.utf8.count
  }
}
