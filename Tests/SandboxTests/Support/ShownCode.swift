import Foundation

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
