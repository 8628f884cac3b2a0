internal import Glibc

/// Reads JSON (RFC 8259) from bytes, value by value, without building a tree.
///
/// It is strict: it accepts only valid UTF-8, and it checks the grammar of skipped values too, so that an
/// incomplete answer never passes for a complete one. The bytes of a skipped value can be kept unchanged.
/// Nesting is no recursion, so its depth is limited by nothing but the length of the text.
///
/// An answer is read in one pass and without copies. Strings and keys are ranges of the bytes (`Text`)
/// until a caller needs them as strings.
struct JSONReader {
  /// The kind of a value, by its first byte.
  enum Kind: Hashable { case object, array, string, number, boolean, null }

  /// The range of a string without its quotes.
  struct Text {
    let bounds: Range<Int>
    let hasEscapes: Bool
  }

  /// Every access is preceded by a comparison with the count.
  let bytes: UnsafeBufferPointer<UInt8>
  private(set) var position = 0
  private var depth = 0
  /// The greatest depth since it was set. What is kept of an answer must not be deeper than the database
  /// can read.
  var greatestDepth = 0
  /// Whether all bytes are UTF-8.
  let isUTF8: Bool

  private init(_ bytes: UnsafeBufferPointer<UInt8>, isUTF8: Bool) {
    self.bytes = bytes
    self.isUTF8 = isUTF8
    // A parser may ignore a byte order mark in front (RFC 8259, section 8.1).
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// Calls `body` with a reader of the bytes, which is valid only during the call.
  ///
  /// - Parameter requiresUTF8: False for a caller that looks itself whether what it keeps is UTF-8.
  static func read<Value>(
    _ bytes: [UInt8],
    requiresUTF8: Bool = true,
    _ body: (inout JSONReader) throws(JSONFailure) -> Value
  ) throws(JSONFailure) -> Value {
    var isUTF8 = true
    do {
      _ = try UTF8Span(validating: bytes.span)
    } catch {
      isUTF8 = false
      if requiresUTF8 {
        throw JSONFailure(position: error.byteOffsets.lowerBound, expected: "UTF-8")
      }
    }
    return try bytes.withUnsafeBufferPointer { [isUTF8] (bytes) throws(JSONFailure) in
      var json = JSONReader(bytes, isUTF8: isUTF8)
      return try body(&json)
    }
  }

  /// Whether the bytes from there to here are UTF-8.
  func isUTF8(from start: Int) -> Bool {
    isUTF8 || (try? UTF8Span(validating: Array(bytes[start..<position]).span)) != nil
  }

  // MARK: Structure

  /// Enters an object; its first key, or nil if it is empty.
  mutating func firstKey() throws(JSONFailure) -> Text? {
    try enter(UInt8(ascii: "{"), "an object")
    if leave(at: UInt8(ascii: "}")) { return nil }
    return try key()
  }

  /// The next key of the object, or nil at its end.
  mutating func nextKey() throws(JSONFailure) -> Text? {
    if leave(at: UInt8(ascii: "}")) { return nil }
    try expect(UInt8(ascii: ","), "a comma or the end of the object")
    return try key()
  }

  /// Enters an array; whether it has an element.
  mutating func firstElement() throws(JSONFailure) -> Bool {
    try enter(UInt8(ascii: "["), "an array")
    return !leave(at: UInt8(ascii: "]"))
  }

  /// Whether the array has another element.
  mutating func nextElement() throws(JSONFailure) -> Bool {
    if leave(at: UInt8(ascii: "]")) { return false }
    try expect(UInt8(ascii: ","), "a comma or the end of the array")
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

  /// The bytes of the next value as they stand.
  mutating func raw() throws(JSONFailure) -> UnsafeBufferPointer<UInt8> {
    skipBlanks()
    let start = position
    try skip()
    return UnsafeBufferPointer(rebasing: bytes[start..<position])
  }

  /// Passes over the next value, checking its grammar.
  mutating func skip() throws(JSONFailure) {
    // For each value that this position is in: whether it is an object.
    var outer: [Bool] = []
    repeat {
      var isWhole = true
      switch try peek() {
      case .object:
        isWhole = try firstKey() == nil
        if !isWhole { outer.append(true) }
      case .array:
        isWhole = try !firstElement()
        if !isWhole { outer.append(false) }
      case .string: _ = try text()
      case .number: try skipNumber()
      case .boolean: try skipWord(byte == UInt8(ascii: "t") ? "true" : "false")
      case .null: try skipWord("null")
      }
      while isWhole, let isObject = outer.last {
        isWhole = isObject ? try nextKey() == nil : try !nextElement()
        if isWhole { outer.removeLast() }
      }
    } while !outer.isEmpty
  }

  // MARK: Parts

  // The inlined functions run for every key and value, about twenty times for each code.

  /// The current byte, or 0 at the end. No JSON text contains a zero byte outside of strings.
  @inline(__always)
  private var byte: UInt8 { position < bytes.count ? bytes[position] : 0 }

  @inline(__always)
  private mutating func skipBlanks() {
    while position < bytes.count, bytes[position] <= 0x20 {
      switch bytes[position] {
      case 0x20, 0x0A, 0x0D, 0x09: position += 1
      default: return
      }
    }
  }

  private mutating func enter(_ mark: UInt8, _ name: StaticString) throws(JSONFailure) {
    try expect(mark, name)
    depth += 1
    greatestDepth = max(greatestDepth, depth)
  }

  @inline(__always)
  private mutating func leave(at mark: UInt8) -> Bool {
    skipBlanks()
    guard byte == mark else { return false }
    position += 1
    depth -= 1
    return true
  }

  @inline(__always)
  private mutating func expect(_ mark: UInt8, _ name: StaticString) throws(JSONFailure) {
    skipBlanks()
    guard byte == mark else { throw failure("\(name)") }
    position += 1
  }

  private mutating func key() throws(JSONFailure) -> Text {
    let key = try text()
    try expect(UInt8(ascii: ":"), "a colon")
    return key
  }

  private mutating func skipWord(_ word: StaticString) throws(JSONFailure) {
    let end = position + word.utf8CodeUnitCount
    guard end <= bytes.count, matches(position..<end, word) else {
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

// MARK: - Strings

extension JSONReader {
  /// The next value, which must be a string.
  mutating func text() throws(JSONFailure) -> Text {
    skipBlanks()
    guard byte == UInt8(ascii: "\"") else { throw failure("a string") }
    position += 1
    let start = position
    var hasEscapes = false
    while true {
      skipPlain()
      guard position < bytes.count else { throw failure("the end of a string") }
      switch bytes[position] {
      case UInt8(ascii: "\""):
        position += 1
        return Text(bounds: start..<position - 1, hasEscapes: hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        try skipEscape()
      default:
        throw failure("no control character in a string")
      }
    }
  }

  /// The next value if it is a string, else nil; the value is passed over in any case.
  mutating func textOrNil() throws(JSONFailure) -> Text? {
    if try peek() == .string { return try text() }
    try skip()
    return nil
  }

  /// The next value, which must be a string, with its escapes resolved.
  mutating func string() throws(JSONFailure) -> String {
    try string(text())
  }

  /// A string with its escapes resolved.
  func string(_ text: Text) throws(JSONFailure) -> String {
    if !text.hasEscapes { return String(decoding: bytes[text.bounds], as: UTF8.self) }
    return try JSONEscapes.resolve(Array(bytes[text.bounds])[...], at: text.bounds.lowerBound)
  }

  /// Calls `body` with the bytes of a string, with its escapes resolved.
  func withBytes<Value>(
    of text: Text,
    _ body: (UnsafeBufferPointer<UInt8>) -> Value
  ) throws(JSONFailure) -> Value {
    if !text.hasEscapes { return body(UnsafeBufferPointer(rebasing: bytes[text.bounds])) }
    return try Array(string(text).utf8).withUnsafeBufferPointer(body)
  }

  /// Whether a string is this word.
  func matches(_ text: Text, _ word: StaticString) -> Bool {
    if text.hasEscapes { return (try? string(text)) == "\(word)" }
    return matches(text.bounds, word)
  }

  @inline(__always)
  private func matches(_ bounds: Range<Int>, _ word: StaticString) -> Bool {
    guard bounds.count == word.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
    return memcmp(base + bounds.lowerBound, word.utf8Start, bounds.count) == 0
  }

  /// Whether two strings have the same bytes, escapes included.
  func areSame(_ one: Text, _ other: Text) -> Bool {
    guard one.bounds.count == other.bounds.count, let base = bytes.baseAddress else { return false }
    return memcmp(
      base + one.bounds.lowerBound,
      base + other.bounds.lowerBound,
      one.bounds.count
    ) == 0
  }

  /// Skips to the next byte that ends or escapes a string: a quote, a backslash, a control character, or
  /// the end. It checks eight bytes at a time, because strings are the most of an answer.
  @inline(__always)
  private mutating func skipPlain() {
    let base = UnsafeRawPointer(bytes.baseAddress)
    while let base, bytes.count - position >= 8 {
      let word = UInt64(
        littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      )
      // The high bit of a byte is set if the byte matches. Above the first match, the high bits of other
      // bytes may be set too.
      let ones: UInt64 = 0x0101_0101_0101_0101
      let quotes = word ^ (ones &* 0x22)
      let backslashes = word ^ (ones &* 0x5C)
      let marks =
        ((quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes
          | (word &- ones &* 0x20) & ~word) & (ones &* 0x80)
      if marks != 0 {
        position += marks.trailingZeroBitCount / 8
        return
      }
      position += 8
    }
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20: return
      default: position += 1
      }
    }
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

/// Why a text is not the expected JSON. It has the position and what was expected there, but never the
/// text itself, which may be a code.
package struct JSONFailure: Error, Hashable, CustomStringConvertible {
  let position: Int
  let expected: String

  package var description: String { "expected \(expected) at byte \(position)" }
}
