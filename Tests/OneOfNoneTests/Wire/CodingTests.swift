import Provisioning
import Testing

@testable import OneOfNone

@Suite("Answers that are compressed although nobody asked for it")
struct CodingTests {
  private static let body = Array(Sample.answerText(Sample.codeText()).utf8)

  private static func answer(
    _ body: [UInt8],
    coding: String?,
    status: String = "201 Created"
  ) -> [UInt8] {
    let field = coding.map { "content-encoding: \($0)\r\n" } ?? ""
    return Array("HTTP/1.1 \(status)\r\n\(field)content-length: \(body.count)\r\n\r\n".utf8) + body
  }

  /// What the client makes of an answer to a generate call, and how often it was sent.
  private static func report(on answer: [UInt8]) async throws -> (CallReport, posts: Int) {
    var report: CallReport?
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.send(answer) }
    } _: { client in
      report = await client.generate()
    }
    return (try #require(report), wire.posts)
  }

  @Test("gzip is decoded, in whatever letters it is named", arguments: ["gzip", "GZIP", "deflate"])
  func gzip(coding: String) async throws {
    let (report, posts) = try await Self.report(on: Self.answer(Gzip.of(Self.body), coding: coding))
    #expect(report.outcome.isIssued && posts == 1)
  }

  @Test("a refusal that is compressed is read as well")
  func refusal() async throws {
    let body = Gzip.of(Array(#"{"code":"NOT_FOUND","message":"no such reward"}"#.utf8))
    let (report, _) = try await Self.report(
      on: Self.answer(body, coding: "gzip", status: "404 Not Found")
    )
    guard case .rejected(let rejection) = report.outcome else {
      Issue.record("not rejected: \(report.outcome)")
      return
    }
    #expect(rejection.code == "NOT_FOUND" && rejection.message == "no such reward")
  }

  @Test("a compressed answer that is cut off or damaged leaves the call in doubt, and says why")
  func damaged() async throws {
    let whole = Gzip.of(Self.body)
    var flipped = whole
    flipped[whole.count - 6] ^= 1
    for damaged in [Array(whole.dropLast(9)), flipped, whole + [1, 2, 3], [1, 2, 3]] {
      let (report, posts) = try await Self.report(on: Self.answer(damaged, coding: "gzip"))
      guard case .unknown(let reason) = report.outcome else {
        Issue.record("not in doubt: \(report.outcome)")
        return
      }
      #expect(reason.message.contains("the compressed answer is damaged"))
      #expect(posts == 1)
    }
  }

  @Test("a coding that cannot be undone is named, and the bytes are kept")
  func foreign() async throws {
    let bytes: [UInt8] = [0x8B, 0x02, 0x80]
    let (report, posts) = try await Self.report(on: Self.answer(bytes, coding: "br"))
    guard case .unknown(let reason) = report.outcome, case .unreadable = reason else {
      Issue.record("not unreadable: \(report.outcome)")
      return
    }
    #expect(reason.message.contains("compressed as br, which codemint did not ask for"))
    #expect(report.rawAnswer == bytes && posts == 1)
    let (silent, _) = try await Self.report(on: Self.answer(Gzip.of(Self.body), coding: nil))
    guard case .unknown(let unsaid) = silent.outcome else {
      Issue.record("not in doubt: \(silent.outcome)")
      return
    }
    #expect(unsaid.message.contains("compressed, and no header says so"))
  }

  @Test("a byte order mark before the JSON is passed over")
  func byteOrderMark() async throws {
    let marked = [0xEF, 0xBB, 0xBF] + Self.body
    let (report, _) = try await Self.report(on: Self.answer(marked, coding: nil))
    #expect(report.outcome.isIssued)
    #expect(throws: JSONFailure.self) { try AnswerDecoder.decode([0xEF, 0xBB]) }
    #expect(throws: JSONFailure.self) { try AnswerDecoder.decode([0xEF, 0xBB, 0xBF]) }
    #expect(throws: JSONFailure.self) { try AnswerDecoder.decode(marked + marked) }
  }
}

/// Makes gzip files (RFC 1952) whose contents are stored, not compressed.
enum Gzip {
  static func of(_ bytes: [UInt8]) -> [UInt8] {
    precondition(bytes.count <= 0xFFFF, "one block holds no more")
    let head: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]
    let length = little(UInt32(bytes.count))
    let block = [1] + length.prefix(2) + length.prefix(2).map { ~$0 } + bytes
    return head + block + little(checksum(bytes)) + length
  }

  private static func little(_ number: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
  }

  /// CRC-32, bit by bit.
  private static func checksum(_ bytes: [UInt8]) -> UInt32 {
    ~bytes.reduce(~UInt32(0)) { sum, byte in
      (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
  }
}
