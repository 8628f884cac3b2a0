import Testing

@testable import OneOfNone

@Suite("JSON, strictly")
struct JSONReaderTests {
  private func isWhole(_ bytes: some Collection<UInt8>) -> Bool {
    do throws(JSONFailure) {
      try JSONReader.read(Array(bytes)) { (json) throws(JSONFailure) in
        try json.skip()
        try json.end()
      }
      return true
    } catch {
      return false
    }
  }

  @Test(
    "JSON is accepted",
    arguments: [
      "null", "true", "false", "0", "-0", "-0.5", "1e5", "1E-5", "10.25e+300", "1e999999",
      "\"\"", "\"a\\u00E9\"", "[]", "[ 1 , [ ] , { } ]", "{\"a\":1,\"a\":2}", " [1]\n",
      "\"\u{7F}\"", "\u{FEFF}1",
      "123456789012345678901234567890",
    ]
  )
  func good(text: String) {
    #expect(isWhole(Array(text.utf8)))
  }

  @Test(
    "other texts are refused",
    arguments: [
      "", " ", "nul", "nulll", "TRUE", "01", "+1", "1.", ".5", "1e", "1e+", "-", "0x1", "NaN",
      "'a'", "\"", "\"\\\"", "\"\\a\"", "\"\\u00g0\"", "\"\u{1}\"", "\"\n\"", "[", "[1", "[1,]",
      "[,1]",
      "[1 2]", "{", "{a:1}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1 \"b\":2}",
      "[1]]",
      "[}", "{]", "1 2", "// x\n1", "1\u{FEFF}", "\u{FEFF}\u{FEFF}1", "\u{A0}1", "[1\u{0}]",
    ]
  )
  func bad(text: String) {
    #expect(!isWhole(Array(text.utf8)))
  }

  @Test("bytes that are not UTF-8 are refused anywhere")
  func invalidUTF8() {
    for bytes: [UInt8] in [
      [0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xE2, 0x82], [0x80],
    ] {
      #expect(!isWhole([0x22] + bytes + [0x22]))
      #expect(!isWhole(Array("{\"a\":[\"".utf8) + bytes + Array("\"]}".utf8)))
    }
  }

  @Test("nesting of any depth is no crash")
  func nesting() {
    func nested(_ open: String, _ close: String, _ depth: Int) -> [UInt8] {
      Array(String(repeating: open, count: depth).utf8)
        + Array("1".utf8) + Array(String(repeating: close, count: depth).utf8)
    }
    for depth in [1, 64, 100_000] {
      #expect(isWhole(nested("[", "]", depth)))
      #expect(isWhole(nested("{\"a\":", "}", depth)))
      #expect(!isWhole(nested("[", "]", depth).dropLast()))
      #expect(!isWhole(nested("[{\"a\":", "]}", depth)))
    }
    let wide = "[" + Array(repeating: "[[]]", count: 1000).joined(separator: ",") + "]"
    #expect(isWhole(Array(wide.utf8)))
  }
}
