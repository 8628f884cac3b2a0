import Foundation
import Logging
import Synchronization
import Testing

@testable import codemint

@Suite("Messages to the service manager")
struct ServiceManagerTests {
  @Test("messages arrive at a socket with a path, and several at once in one datagram")
  func path() throws {
    let scratch = try Scratch()
    let address = "\(scratch.path)/notify"
    let socket = try DatagramSocket(address)
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": address])
    try manager.tell(.ready, .status("4 jobs"))
    try manager.tell(.alive)
    try manager.tell(.stopping, .extendTimeout(.seconds(35)))
    #expect(socket.receive() == "READY=1\nSTATUS=4 jobs")
    #expect(socket.receive() == "WATCHDOG=1")
    #expect(socket.receive() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000")
    #expect(socket.receive() == nil)
  }

  @Test("a service manager that does not read keeps nobody who is alive waiting")
  func unread() throws {
    let scratch = try Scratch()
    let address = "\(scratch.path)/notify"
    let socket = try DatagramSocket(address)
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": address])
    let took = ContinuousClock().measure {
      // More than a socket holds. The first that has no room is an error.
      #expect(throws: ServiceManagerError.self) { while true { try manager.tell(.alive) } }
    }
    #expect(took < .milliseconds(900))
    #expect(socket.receive() == "WATCHDOG=1")
  }

  @Test("that the service manager does not hear is said once, and once that it listens again")
  func deaf() throws {
    let scratch = try Scratch()
    let address = "\(scratch.path)/notify"
    let said = Said()
    let watch = ProgressWatch(
      ServiceManager(environment: ["NOTIFY_SOCKET": address]),
      logger: Logger(label: "codemint") { _ in said.handler }
    )
    for _ in 1...3 { watch.tell(.status("nobody hears")) }
    #expect(said.messages == ["cannot tell the service manager"])
    let socket = try DatagramSocket(address)
    for _ in 1...3 { watch.tell(.status("somebody hears")) }
    #expect(
      said.messages == ["cannot tell the service manager", "the service manager listens again"]
    )
    #expect(socket.receive() == "STATUS=somebody hears")
  }

  @Test("messages arrive at a socket in the abstract namespace")
  func abstract() throws {
    let address = "@codemint-test-\(UUID().uuidString)"
    let socket = try DatagramSocket(address)
    try ServiceManager(environment: ["NOTIFY_SOCKET": address]).tell(.ready)
    #expect(socket.receive() == "READY=1")
  }

  @Test("without a service manager nothing is sent and nothing goes wrong")
  func absent() throws {
    for environment in [[:], ["NOTIFY_SOCKET": ""]] {
      let manager = ServiceManager(environment: environment)
      #expect(manager.watchdog == nil)
      try manager.tell(.ready)
    }
  }

  @Test(
    "a wrong address is an error that names the address",
    arguments: [
      "/nonexistent/notify", "@codemint-nobody-listens", "vsock:2:1234", "relative/path",
      "/" + String(repeating: "x", count: 200),
    ]
  )
  func nowhere(address: String) {
    let manager = ServiceManager(environment: ["NOTIFY_SOCKET": address])
    let error = #expect(throws: ServiceManagerError.self) { try manager.tell(.alive) }
    #expect(error?.description.contains(address) == true)
  }

  @Test("a path of the greatest length that fits is used")
  func longestPath() throws {
    let scratch = try Scratch()
    let name = String(repeating: "x", count: 107 - scratch.path.utf8.count - 1)
    let address = "\(scratch.path)/\(name)"
    let socket = try DatagramSocket(address)
    try ServiceManager(environment: ["NOTIFY_SOCKET": address]).tell(.ready)
    #expect(socket.receive() == "READY=1")
  }

  @Test("a status stays on one line, because a line break would begin another message")
  func statusLine() {
    let line = ServiceMessage.status("a\nREADY=1\r\nb\u{0}").line
    #expect(line == "STATUS=a READY=1 b ")
  }

  @Test("the watchdog's patience is read, for this process only")
  func watchdog() {
    func watchdog(_ limit: String, _ process: String?) -> Duration? {
      var environment = ["WATCHDOG_USEC": limit]
      environment["WATCHDOG_PID"] = process
      return ServiceManager(environment: environment, process: 42).watchdog
    }
    #expect(watchdog("10000000", nil) == .seconds(10))
    #expect(watchdog("10000000", "42") == .seconds(10))
    #expect(watchdog("10000000", "43") == nil)
    #expect(watchdog("10000000", "") == nil)
    for nonsense in ["", "0", "-5", "ten", "1.5", "99999999999999999999"] {
      #expect(watchdog(nonsense, nil) == nil)
    }
  }
}

/// Remembers what was logged.
private final class Said: Sendable {
  private let lines = Mutex<[String]>([])

  var messages: [String] { lines.withLock { $0 } }

  var handler: Handler { Handler(said: self) }

  struct Handler: LogHandler {
    let said: Said
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { said.lines.withLock { $0.append("\(event.message)") } }
  }
}
