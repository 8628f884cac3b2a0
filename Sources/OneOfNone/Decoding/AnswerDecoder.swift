package import Provisioning

/// Reads the codes in answers of the API.
///
/// It is lenient where the contract may grow: it skips unknown fields, keeps unknown words, and leaves
/// out times that it cannot read. It is strict where a mistake would cost codes: the text must be
/// complete, and every item must be null or have its id, its reward and its code, each exactly once.
package enum AnswerDecoder {
  /// The codes of a list. Trailing nulls are the nulls after the last code.
  typealias CodeList = (codes: [IssuedCode], nulls: Int, trailingNulls: Int)

  /// Reads the body of a 201: `{codes: (RewardCode|null)[]}`.
  package static func decode(_ body: [UInt8]) throws(JSONFailure) -> Answer {
    let list = try readBody(body, key: "codes")
    return Answer(codes: list.codes, nulls: list.nulls, body: body)
  }

  /// Reads a page of a listing: `{data: (RewardCode|null)[], pagination: object}`.
  static func decodePage(_ body: [UInt8]) throws(JSONFailure) -> CodeList {
    try readBody(body, key: "data")
  }

  /// Reads an object that has exactly one list of codes, under `key`.
  private static func readBody(
    _ body: [UInt8],
    key wanted: StaticString
  ) throws(JSONFailure) -> CodeList {
    try JSONReader.read(body) { (json) throws(JSONFailure) in
      try readObject(&json, key: wanted)
    }
  }

  private static func readObject(
    _ json: inout JSONReader,
    key wanted: StaticString
  ) throws(JSONFailure) -> CodeList {
    var list: CodeList?
    var key = try json.firstKey()
    while let name = key {
      if try json.matches(name, wanted) {
        guard list == nil else { throw json.failure("no second list of codes") }
        list = try readList(&json)
      } else {
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
}
