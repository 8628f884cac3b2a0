/// A JSON value as a tree, for what looks at the form of an answer rather than at its codes. Of each array
/// only the first elements are kept, so that a look at an answer of any length costs little memory.
indirect enum JSONTree {
  case object([(name: String, value: JSONTree)])
  case array([JSONTree], count: Int)
  case string(String)
  case number(String)
  case boolean
  case null
  /// Deeper than any answer of the API. It is not looked into.
  case deep

  /// The greatest depth that is looked into. The API's answers are five levels deep.
  private static let deepest = 16

  /// Reads a whole text.
  ///
  /// - Parameter elements: How many elements of each array are kept; the others are counted.
  static func read(_ body: [UInt8], elements: Int) throws(JSONFailure) -> JSONTree {
    try JSONReader.read(body) { (json) throws(JSONFailure) in
      let tree = try read(&json, elements, depth: 0)
      try json.end()
      return tree
    }
  }

  private static func read(
    _ json: inout JSONReader,
    _ elements: Int,
    depth: Int
  ) throws(JSONFailure) -> JSONTree {
    let kind = try json.peek()
    guard depth < deepest || kind != .object && kind != .array else {
      try json.skip()
      return .deep
    }
    switch kind {
    case .object:
      var fields: [(name: String, value: JSONTree)] = []
      var key = try json.firstKey()
      while let name = key {
        fields.append((try json.string(name), try read(&json, elements, depth: depth + 1)))
        key = try json.nextKey()
      }
      return .object(fields)
    case .array:
      var kept: [JSONTree] = []
      var count = 0
      var isMore = try json.firstElement()
      while isMore {
        if count < elements {
          kept.append(try read(&json, elements, depth: depth + 1))
        } else {
          try json.skip()
        }
        count += 1
        isMore = try json.nextElement()
      }
      return .array(kept, count: count)
    case .string: return .string(try json.string())
    case .number: return .number(String(decoding: try json.raw(), as: UTF8.self))
    case .boolean:
      try json.skip()
      return .boolean
    case .null:
      try json.skip()
      return .null
    }
  }

  /// The value of a field; nil if this is no object, or has no such field.
  subscript(_ name: String) -> JSONTree? {
    guard case .object(let fields) = self else { return nil }
    return fields.first { $0.name == name }?.value
  }

  /// The text, if this is one.
  var text: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The kept elements; empty if this is no array.
  var elements: [JSONTree] {
    if case .array(let elements, _) = self { elements } else { [] }
  }
}
