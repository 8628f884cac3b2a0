package import Provisioning

/// Reads the codes in answers of the API.
///
/// It is lenient where the contract may grow: it skips unknown fields, keeps unknown words, and leaves
/// out times that it cannot read. It is strict where a mistake would cost codes: the text must be
/// complete, and a code must have its id, its reward and its text, each exactly once. Items are judged one
/// by one: an item that is no code counts as a null, so that it spoils no other, and its id is kept if it
/// has one.
package enum AnswerDecoder {
  /// The items of a list.
  struct CodeList {
    var codes: [IssuedCode] = []
    /// Items that are null or unreadable.
    var nulls = 0
    /// How many of them stand behind the last code.
    var trailingNulls = 0
    /// The ids of unreadable items that have one.
    var unreadable: [CodeID] = []
    /// How many of these stand behind the last code.
    var trailingUnreadable = 0
    /// Whether an item was neither null nor a code.
    var hasUnreadable = false
  }

  /// Reads the body of a 201: `{codes: (RewardCode|null)[]}`.
  package static func decode(_ body: [UInt8]) throws(JSONFailure) -> Answer {
    let list = try readBody(body, key: "codes")
    return Answer(
      codes: list.codes,
      nulls: list.nulls,
      hasUnreadable: list.hasUnreadable,
      body: body
    )
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
    try JSONReader.read(body, requiresUTF8: false) { (json) throws(JSONFailure) in
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
      if json.matches(name, wanted) {
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
    var list = CodeList()
    list.codes.reserveCapacity(Bounds.callSize.upperBound)
    var shared = RewardCodeReader.Shared()
    var isMore = try json.firstElement()
    while isMore {
      switch try RewardCodeReader.read(&json, &shared) {
      case .code(let code):
        list.codes.append(code)
        (list.trailingNulls, list.trailingUnreadable) = (0, 0)
      case .null:
        list.nulls += 1
        list.trailingNulls += 1
      case .unreadable(let id):
        list.hasUnreadable = true
        list.nulls += 1
        list.trailingNulls += 1
        guard let id else { break }
        list.unreadable.append(id)
        list.trailingUnreadable += 1
      }
      isMore = try json.nextElement()
    }
    return list
  }
}
