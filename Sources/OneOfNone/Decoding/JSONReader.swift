/// Reads JSON (RFC 8259) from bytes, value by value, without building a tree.
///
/// A strict reader of the API's answers: it takes valid UTF-8 only, checks the grammar of what it
/// skips too, so that a cut-off answer never passes for a whole one, and nests to a bounded depth.
/// Values can be skipped and then taken as the bytes they were, with nothing lost.
struct JSONReader {
  /// The deepest nesting that is read; the API's answers nest five deep.
  static let deepest = 64

  /// What a value is, by its first byte.
  enum Kind: Hashable { case object, array, string, number, boolean, null }

  let bytes: [UInt8]
  private(set) var position = 0
  private var depth = 0

  init(_ bytes: [UInt8]) throws(JSONFailure) {
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      throw JSONFailure(position: error.byteOffsets.lowerBound, expected: "UTF-8")
    }
    self.bytes = bytes
  }

  // MARK: Structure

  /// Enters an object; its first key, or nil if it is empty.
  mutating func firstKey() throws(JSONFailure) -> String? {
    try enter("{", "an object")
    if leave(at: "}") { return nil }
    return try key()
  }

  /// The next key of the object, or nil at its end.
  mutating func nextKey() throws(JSONFailure) -> String? {
    if leave(at: "}") { return nil }
    try expect(",", "a comma or the end of the object")
    return try key()
  }

  /// Enters an array; whether it has an element.
  mutating func firstElement() throws(JSONFailure) -> Bool {
    try enter("[", "an array")
    return !leave(at: "]")
  }

  /// Whether the array has another element.
  mutating func nextElement() throws(JSONFailure) -> Bool {
    if leave(at: "]") { return false }
    try expect(",", "a comma or the end of the array")
    return true
  }

  /// Nothing may follow the value that was read.
  mutating func end() throws(JSONFailure) {
    skipBlanks()
    guard position == bytes.count else { throw failure("the end") }
  }

  // MARK: Values

  /// What the next value is.
  mutating func peek() throws(JSONFailure) -> Kind {
    skipBlanks()
    switch byte {
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .boolean
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    default: throw failure("a value")
    }
  }

  /// The next value if it is a string, else nil; the value is passed over in any case.
  mutating func stringOrNil() throws(JSONFailure) -> String? {
    if try peek() == .string { return try string() }
    try skip()
    return nil
  }

  /// The bytes of the next value as they stand.
  mutating func raw() throws(JSONFailure) -> ArraySlice<UInt8> {
    skipBlanks()
    let start = position
    try skip()
    return bytes[start..<position]
  }

  /// The next value as it stands, as text; meant for numbers.
  mutating func text() throws(JSONFailure) -> String {
    String(decoding: try raw(), as: UTF8.self)
  }

  /// Passes over the next value, checking its grammar.
  mutating func skip() throws(JSONFailure) {
    switch try peek() {
    case .object:
      var key = try firstKey()
      while key != nil {
        try skip()
        key = try nextKey()
      }
    case .array:
      var isMore = try firstElement()
      while isMore {
        try skip()
        isMore = try nextElement()
      }
    case .string: _ = try stringBounds()
    case .number: try skipNumber()
    case .boolean: try skipWord(byte == UInt8(ascii: "t") ? "true" : "false")
    case .null: try skipWord("null")
    }
  }

  // MARK: Parts

  /// The byte at hand, or 0 at the end, which no JSON text holds outside of strings.
  private var byte: UInt8 { position < bytes.count ? bytes[position] : 0 }

  private mutating func skipBlanks() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func enter(_ mark: Unicode.Scalar, _ name: String) throws(JSONFailure) {
    try expect(mark, name)
    depth += 1
    guard depth <= Self.deepest else { throw failure("less nesting") }
  }

  private mutating func leave(at mark: Unicode.Scalar) -> Bool {
    skipBlanks()
    guard byte == UInt8(ascii: mark) else { return false }
    position += 1
    depth -= 1
    return true
  }

  private mutating func expect(_ mark: Unicode.Scalar, _ name: String) throws(JSONFailure) {
    skipBlanks()
    guard byte == UInt8(ascii: mark) else { throw failure(name) }
    position += 1
  }

  private mutating func key() throws(JSONFailure) -> String {
    skipBlanks()
    let key = try string()
    try expect(":", "a colon")
    return key
  }

  private mutating func skipWord(_ word: String) throws(JSONFailure) {
    let end = position + word.utf8.count
    guard end <= bytes.count, bytes[position..<end].elementsEqual(word.utf8) else {
      throw failure("true, false or null")
    }
    position = end
  }

  private mutating func skipNumber() throws(JSONFailure) {
    if byte == UInt8(ascii: "-") { position += 1 }
    if byte == UInt8(ascii: "0") { position += 1 } else { try skipDigits() }
    if byte == UInt8(ascii: ".") {
      position += 1
      try skipDigits()
    }
    if byte | 0x20 == UInt8(ascii: "e") {
      position += 1
      if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
      try skipDigits()
    }
  }

  private mutating func skipDigits() throws(JSONFailure) {
    let start = position
    while (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
    guard position > start else { throw failure("a digit") }
  }

  func failure(_ expected: String) -> JSONFailure {
    JSONFailure(position: position, expected: expected)
  }
}

extension JSONReader {
  /// The next value, which must be a string.
  mutating func string() throws(JSONFailure) -> String {
    skipBlanks()
    let (bounds, hasEscapes) = try stringBounds()
    if !hasEscapes { return String(decoding: bytes[bounds], as: UTF8.self) }
    return try JSONEscapes.resolve(bytes[bounds])
  }

  /// Passes over a string; where its content lies and whether something in it is escaped.
  private mutating func stringBounds() throws(JSONFailure) -> (Range<Int>, hasEscapes: Bool) {
    guard byte == UInt8(ascii: "\"") else { throw failure("a string") }
    position += 1
    let start = position
    var hasEscapes = false
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return (start..<position - 1, hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        try skipEscape()
      case 0..<0x20:
        throw failure("no control character in a string")
      default:
        position += 1
      }
    }
    throw failure("the end of a string")
  }

  private mutating func skipEscape() throws(JSONFailure) {
    position += 1
    switch byte {
    case UInt8(ascii: "u"):
      position += 1
      for _ in 0..<4 {
        guard JSONEscapes.digit(byte) != nil else { throw failure("four hexadecimal digits") }
        position += 1
      }
    case let mark where JSONEscapes.short(mark) != nil:
      position += 1
    default:
      throw failure("an escape that JSON knows")
    }
  }
}
