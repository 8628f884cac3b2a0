internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// Brings an answer onto the wire, whole or in the way that a fault wants it.
struct Delivery: Sendable {
  let connection: Connection
  /// Told how much of the answer has gone out.
  let note: @Sendable (GenerateRequest.Answer) -> Void

  /// - Throws: `NoAnswer` where not a byte may go out; the connection is broken then.
  func response(_ answer: Answer, _ ending: Fault?) async throws -> Response {
    switch ending {
    case .reset(let point, _, let abrupt):
      return try await broken(answer, at: point, abrupt: abrupt)
    case .cut(let keep, let complete, _):
      return cut(answer, keep: keep, complete: complete)
    case .drip(let bytes, let seconds):
      return dripping(answer, bytes: bytes, pause: .seconds(seconds))
    case .flood(let bytes, let declared, _):
      return flood(answer, bytes: bytes, declared: declared)
    case .status, .html, .hang, .generateLate, .slow, nil:
      note(.whole)
      return answer.response
    case .latency, .headers, .nulls, .short, .long, .doubled, .foreign, .unknownValues,
      .extraFields, .nulCharacter, .order, .stale, .shortPage, .somebodyElse, .prefix, .texts,
      .times, .withheld, .date, .cached, .hidden, .replayed, .collapsed, .swapped, .older, .resent,
      .old, .stream:
      preconditionFailure("an addition is no ending")
    }
  }

  private func broken(
    _ answer: Answer,
    at point: BreakingPoint,
    abrupt: Bool
  ) async throws -> Response {
    let connection = connection
    let body = answer.body
    switch point {
    case .beforeRequestBody, .beforeAnswer:
      await connection.breakOff(abrupt: abrupt)
      throw NoAnswer()
    case .afterHead:
      note(.part)
      return streamed(answer, length: body.readableBytes) { _ in
        await connection.breakOff(abrupt: abrupt)
        throw NoAnswer()
      }
    case .inBody:
      note(.part)
      return streamed(answer, length: body.readableBytes) { writer in
        try await writer.write(body.getSlice(at: 0, length: body.readableBytes / 2) ?? body)
        await connection.breakOff(abrupt: abrupt)
        throw NoAnswer()
      }
    case .afterAnswer:
      note(.whole)
      return streamed(answer, length: body.readableBytes) { writer in
        try await writer.write(body)
        try await writer.finish(nil)
        await connection.breakOff(abrupt: abrupt)
        throw NoAnswer()
      }
    }
  }

  private func cut(_ answer: Answer, keep: Double, complete: Bool) -> Response {
    note(.part)
    var answer = answer
    let length = answer.body.readableBytes
    answer.body = answer.body.getSlice(at: 0, length: Int(Double(length) * keep)) ?? answer.body
    if complete { return answer.response }
    let (connection, kept) = (connection, answer.body)
    return streamed(answer, length: length) { writer in
      try await writer.write(kept)
      await connection.breakOff(abrupt: false)
      throw NoAnswer()
    }
  }

  private func dripping(_ answer: Answer, bytes: Int, pause: Duration) -> Response {
    note(.part)
    let (connection, note) = (connection, note)
    return streamed(answer, length: answer.body.readableBytes) { writer in
      var rest = answer.body
      while let drop = rest.readSlice(length: min(bytes, rest.readableBytes)),
        drop.readableBytes > 0
      {
        try await writer.write(drop)
        if rest.readableBytes > 0 { try await connection.pause(pause) }
      }
      try await writer.finish(nil)
      note(.whole)
    }
  }

  /// The body begins as JSON and goes on with white space: a reader that parses as it reads finds no
  /// fault until the end, and one that collects without a bound collects it all.
  private func flood(_ answer: Answer, bytes: Int, declared: Bool) -> Response {
    note(.part)
    let note = note
    return streamed(answer, length: declared ? bytes : nil) { writer in
      let piece = ByteBuffer(repeating: UInt8(ascii: " "), count: 1 << 16)
      var rest = bytes
      try await writer.write(ByteBuffer(string: "{"))
      rest -= 1
      while rest > 0 {
        let count = min(rest, piece.readableBytes)
        try await writer.write(piece.getSlice(at: 0, length: count) ?? piece)
        rest -= count
      }
      try await writer.finish(nil)
      note(.whole)
    }
  }

  private func streamed(
    _ answer: Answer,
    length: Int?,
    _ write: @escaping @Sendable @concurrent (inout any ResponseBodyWriter) async throws -> Void
  ) -> Response {
    Response(
      status: HTTPResponse.Status(code: answer.status),
      headers: answer.headers,
      body: ResponseBody(contentLength: length, write)
    )
  }
}
