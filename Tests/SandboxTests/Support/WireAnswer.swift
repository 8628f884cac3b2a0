import Foundation

/// An HTTP answer as it came over the wire.
struct WireAnswer: Sendable {
  enum Ending: Equatable, Sendable {
    /// Complete, and the connection still open as far as is known.
    case open
    case closed
    case reset
    case failed(Int32)
  }

  let status: Int?
  /// By name in lower case.
  let headers: [String: String]
  let body: [UInt8]
  let ending: Ending
  /// All bytes, head included.
  let byteCount: Int

  var text: String { String(decoding: body, as: UTF8.self) }

  /// Reads an answer that is there as a whole; nil if something is missing.
  init?(complete bytes: [UInt8]) {
    guard let head = Head(bytes) else { return nil }
    let rest = bytes[head.length...]
    if head.headers["transfer-encoding"] == "chunked" {
      guard let (body, length) = Self.chunks(rest) else { return nil }
      self.init(head, body: body, ending: .open, byteCount: head.length + length)
    } else {
      let length = head.headers["content-length"].flatMap { Int($0) } ?? 0
      guard rest.count >= length else { return nil }
      self.init(
        head,
        body: Array(rest.prefix(length)),
        ending: .open,
        byteCount: head.length + length
      )
    }
  }

  /// Takes what there is of an answer whose connection ended.
  init(part bytes: [UInt8], ending: Ending) {
    let head = Head(bytes)
    self.init(
      head,
      body: head.map { Array(bytes[$0.length...]) } ?? [],
      ending: ending,
      byteCount: bytes.count
    )
  }

  private init(_ head: Head?, body: [UInt8], ending: Ending, byteCount: Int) {
    status = head?.status
    headers = head?.headers ?? [:]
    self.body = body
    self.ending = ending
    self.byteCount = byteCount
  }

  private struct Head {
    let status: Int
    let headers: [String: String]
    let length: Int

    init?(_ bytes: [UInt8]) {
      guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
      let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
        .components(separatedBy: "\r\n")
      status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
      headers = Dictionary(
        lines.dropFirst().compactMap { line -> (String, String)? in
          let parts = line.split(separator: ":", maxSplits: 1)
          guard parts.count == 2 else { return nil }
          return (parts[0].lowercased(), parts[1].trimmingCharacters(in: .whitespaces))
        },
        uniquingKeysWith: { first, _ in first }
      )
      length = end.upperBound
    }
  }

  private static func chunks(_ bytes: ArraySlice<UInt8>) -> (body: [UInt8], length: Int)? {
    var body: [UInt8] = []
    var rest = bytes
    while let line = rest.firstRange(of: Array("\r\n".utf8)) {
      let size = Int(String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16) ?? 0
      let data = rest[line.upperBound...]
      guard data.count >= size + 2 else { return nil }
      rest = data.dropFirst(size + 2)
      if size == 0 { return (body, bytes.count - rest.count) }
      body += data.prefix(size)
    }
    return nil
  }
}

/// A code as the contract words it, told anew for the tests.
struct ShownCode: Decodable, Equatable {
  struct Entry: Decodable, Equatable {
    let discountId: String
    let codeId: String?
    let syncedAt: String
    let syncStatus: String
    let error: String?
  }

  let id: String
  let rewardId: String
  let code: String
  let status: String
  let reservedFor: String?
  let createdAt: String
  let updatedAt: String?
  let externalIds: [String: Entry]
}

struct Generated: Decodable {
  let codes: [ShownCode?]
}

struct Listed: Decodable {
  struct Pagination: Decodable {
    let limit: Int
    let offset: Int
    let next: Int?
    let prev: Int?
    let totalCount: Int?

    enum CodingKeys: String, CodingKey {
      case limit, offset, next, prev
      case totalCount = "total_count"
    }
  }

  let data: [ShownCode?]
  let pagination: Pagination
}

struct ErrorShown: Decodable, Equatable {
  let message: String
  let code: String
  let details: [String: String]?
}

extension WireAnswer {
  func decoded<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(body))
  }

  /// The codes of a generate answer, nulls left out.
  func codes() throws -> [ShownCode] {
    try decoded(Generated.self).codes.compactMap(\.self)
  }

  /// The codes of a listing, nulls left out.
  func data() throws -> [ShownCode] {
    try decoded(Listed.self).data.compactMap(\.self)
  }
}
