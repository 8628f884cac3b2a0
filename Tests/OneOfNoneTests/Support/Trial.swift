import NIOSSL
import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

/// A key that stands out in any text.
let testKey = "k3y-that-must-never-show-7f1c"

/// Runs a client against a server that follows a script, then says what came over the wire in all:
/// the client is shut down first, so nothing can come later.
func trial(
  deadline: Deadline = .timer,
  server script: @escaping RawServer.Script,
  _ body: (APIClient) async throws -> Void
) async throws -> RawServer.Wire {
  let server = try await RawServer.start(script)
  try await withClient(base: "http://127.0.0.1:\(server.port)", deadline: deadline, body)
  return try await server.end()
}

/// Runs a client and shuts it down in any case.
func withClient(
  base: String,
  timeout: Duration = .seconds(60),
  deadline: Deadline = .timer,
  caFile: String? = nil,
  _ body: (APIClient) async throws -> Void
) async throws {
  let client = APIClient(
    try APIConfiguration(
      baseURL: base,
      key: APIKey(testKey),
      timeout: timeout,
      caFile: caFile,
      version: "1.2.3"
    ),
    deadline: deadline
  )
  do {
    try await body(client)
  } catch {
    await client.shutdown()
    throw error
  }
  await client.shutdown()
}

extension APIClient {
  /// Asks for one code as the worker does while its lease holds.
  func generate(prefix: String? = nil, reward: RewardID = Sample.reward) async -> CallReport {
    await generate(Sample.call(prefix: prefix, reward: reward)) { true }
  }
}

/// Values for tests.
enum Sample {
  static let reward = RewardID(UniqueID(bits: 0x3C90_C3CC_0D44_4B50_8888_8DD2_5736_052A))

  static func call(prefix: String? = nil, reward: RewardID = reward) -> Call {
    Call(id: CallID(UniqueID(bits: 7)), job: JobID(1), reward: reward, prefix: prefix, size: 1)
  }

  static func codeText(
    id: UInt128 = 1,
    reward: RewardID = reward,
    code: String = "SUMMER-1",
    externalIDs: String = "{}"
  ) -> String {
    """
    {"id":"\(UniqueID(bits: id))","rewardId":"\(reward)","code":"\(code)","status":"available",\
    "reservedFor":null,"redeemedBy":null,"redeemedAt":null,"orderId":null,"externalOrderId":null,\
    "createdAt":"2025-01-02T03:04:05.678Z","expiresAt":null,"updatedAt":null,\
    "externalIds":\(externalIDs)}
    """
  }

  static func answerText(_ items: String...) -> String {
    "{\"codes\":[\(items.joined(separator: ","))]}"
  }

  /// An answer with its length, after which the connection is kept.
  static func http(_ status: String, _ body: String, headers: [String] = []) -> String {
    (["HTTP/1.1 \(status)"] + headers + ["content-length: \(body.utf8.count)", "", body])
      .joined(separator: "\r\n")
  }

  static let created = http("201 Created", answerText(codeText()))
}

extension CallOutcome {
  var isUnsent: Bool { if case .unsent = self { true } else { false } }
  var isIssued: Bool { if case .issued = self { true } else { false } }
  var isConnectionLost: Bool {
    if case .unknown(.connectionLost) = self { true } else { false }
  }
  var isWithoutConnection: Bool {
    if case .unsent(.noConnection) = self { true } else { false }
  }
}

/// A deadline that passes when the test says so, for the request that was started last.
final class ManualDeadline: Sendable {
  private let expiry = Mutex<(@Sendable () -> Void)?>(nil)

  var deadline: Deadline {
    Deadline { _, expire in
      self.expiry.withLock { $0 = expire }
      return { self.expiry.withLock { $0 = nil } }
    }
  }

  func expire() {
    expiry.withLock { $0 }?()
  }
}
