package import Provisioning

/// Reads the codes out of answers of the API.
///
/// Lenient where the contract may grow: unknown fields are passed over, unknown words kept, times
/// that cannot be read left out. Strict where a mistake would cost codes: the text must be whole,
/// every item must be null or name its id, its reward and its code, each once.
package enum AnswerDecoder {
  /// Reads the body of a 201: `{codes: (RewardCode|null)[]}`.
  package static func decode(_ body: [UInt8]) throws(JSONFailure) -> Answer {
    let list = try readBody(body, key: "codes") { _, _ throws(JSONFailure) in false }
    return Answer(codes: list.codes, nulls: list.nulls, body: body)
  }

  /// Reads a page of a listing: `{data: (RewardCode|null)[], pagination: object}`.
  static func decodePage(
    _ body: [UInt8]
  ) throws(JSONFailure) -> (codes: [IssuedCode], nulls: Int, trailingNulls: Int, total: Int?) {
    var total: Int?
    let list = try readBody(body, key: "data") { name, json throws(JSONFailure) in
      guard try json.matches(name, "pagination"), try json.peek() == .object else { return false }
      total = try readTotal(&json)
      return true
    }
    return (list.codes, list.nulls, list.trailingNulls, total)
  }

  private typealias CodeList = (codes: [IssuedCode], nulls: Int, trailingNulls: Int)

  /// Reads an object whose one list of codes stands under `key`.
  ///
  /// - Parameter other: Reads the value of another key, or says that it did not.
  private static func readBody(
    _ body: [UInt8],
    key wanted: StaticString,
    other: (JSONReader.Text, inout JSONReader) throws(JSONFailure) -> Bool
  ) throws(JSONFailure) -> CodeList {
    try JSONReader.read(body) { (json) throws(JSONFailure) in
      try readList(&json, key: wanted, other: other)
    }
  }

  private static func readList(
    _ json: inout JSONReader,
    key wanted: StaticString,
    other: (JSONReader.Text, inout JSONReader) throws(JSONFailure) -> Bool
  ) throws(JSONFailure) -> CodeList {
    var list: CodeList?
    var key = try json.firstKey()
    while let name = key {
      if try json.matches(name, wanted) {
        guard list == nil else { throw json.failure("no second list of codes") }
        list = try readList(&json)
      } else if try !other(name, &json) {
        try json.skip()
      }
      key = try json.nextKey()
    }
    try json.end()
    guard let list else { throw json.failure("a list `\(wanted)`") }
    return list
  }

  private static func readList(_ json: inout JSONReader) throws(JSONFailure) -> CodeList {
    var list: CodeList = ([], 0, 0)
    list.codes.reserveCapacity(Bounds.callSize.upperBound)
    var shared = RewardCodeReader.Shared()
    var isMore = try json.firstElement()
    while isMore {
      if try json.peek() == .null {
        try json.skip()
        list.nulls += 1
        list.trailingNulls += 1
      } else {
        list.codes.append(try RewardCodeReader.read(&json, &shared))
        list.trailingNulls = 0
      }
      isMore = try json.nextElement()
    }
    return list
  }

  private static func readTotal(_ json: inout JSONReader) throws(JSONFailure) -> Int? {
    var total: Int?
    var key = try json.firstKey()
    while let name = key {
      let text = String(decoding: try json.raw(), as: UTF8.self)
      if ["total_count", "totalCount", "total"].contains(try json.string(name)),
        let number = Int(text), number >= 0
      {
        total = number
      }
      key = try json.nextKey()
    }
    return total
  }
}
