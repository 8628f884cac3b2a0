import Glibc
import Provisioning
import Testing

@testable import OneOfNone

@Suite("Texts of the API")
struct TextTests {
  private func said(_ body: String, status: Int = 422) -> ErrorBody {
    ErrorBody(status: status, body: Array(body.utf8), texts: Texts.public)
  }

  @Test("the API's own code and message are kept")
  func own() {
    let error = said(#"{"message":"No reward","code":"not_found","details":{"a":[1,{}]},"x":null}"#)
    #expect(error.code == "not_found")
    #expect(error.message == "No reward")
  }

  @Test(
    "whatever is missing is made from the status",
    arguments: [
      "", "{}", "null", "[]", "\"text\"", "<html><b>nginx</b></html>",
      #"{"code":null,"message":[]}"#,
      #"{"code":"","message":""}"#, #"{"code":"#, "\u{FEFF}{}",
    ]
  )
  func missing(body: String) {
    let error = said(body)
    #expect(error.code == "http_422")
    #expect(
      error.message == "the API answered 422 Unprocessable Entity without a message of its own"
    )
  }

  @Test("a code that is a number is kept as text")
  func number() {
    #expect(said(#"{"code":4004,"message":"m"}"#).code == "4004")
  }

  @Test("messages are cut, without control characters and without the key")
  func clean() {
    let long = String(repeating: "é ", count: 2500)
    #expect(said("{\"message\":\"\(long)\"}").message.unicodeScalars.count == Bounds.messageLength)
    #expect(said(#"{"message":"a\u0000b\nc\u001bd\u0085e"}"#).message == "a\u{FFFD}b c\u{FFFD}d e")
    #expect(said("{\"message\":\"\(testKey)\(testKey)!\"}").message == "(secret)(secret)!")
    let escaped = "\\u006b" + testKey.dropFirst()
    #expect(said("{\"message\":\"<\(escaped)>\"}").message == "<(secret)>")
    let border = String(repeating: "x", count: Bounds.messageLength - 5) + testKey
    #expect(!said("{\"message\":\"\(border)\"}").message.contains("k3y"))
  }

  @Test("bytes that are not UTF-8 are not a message")
  func noUTF8() {
    let body = Array(#"{"message":""#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8)
    let error = ErrorBody(status: 500, body: body, texts: Texts.public)
    #expect(error.code == "http_500")
  }

  @Test(
    "anything that may be the value of a code is not repeated",
    arguments: [
      ("code SUMMER7Q2K exists", "code (code) exists"),
      ("'summer-x' is taken.", "'(code)' is taken."),
      ("SUMMER, summer: the prefix", "SUMMER, summer: the prefix"),
      ("(SUMMER.7Q/2!) SUMMERY.", "((code)!) (code)."),
      ("7Q2KX9 and SAVE-2041 and x7q2k9ab", "(code) and (code) and (code)"),
      ("48213377 or ABCD-EFGH-JKLM or ab-20417-b", "(code) or (code) or (code)"),
      ("a_SUMMER_7Q2K", "(code)"), ("x-SUMMERQ code_summerq", "(code) (code)"),
      ("ÄÖÜ-Ñ1234", "(code)"),
    ]
  )
  func codes(message: String, shown: String) {
    #expect(Texts.public.about(prefix: "Summer").quote(message) == shown)
  }

  @Test(
    "other words stay, with a prefix and without one",
    arguments: [
      "count must be from 1 to 500, not 1000000", "x-api-key is missing or wrong",
      "reward_not_found",
      "ERR_4001: FORBIDDEN by RFC 7231, HTTP/1.1", "prefix has more than 32-character words",
      "no reward 3c90c3cc-0d44-4b50-8888-8dd25736052a", "expired on 2030-12-24T08:00:00Z", "",
      "the reward is ended (since 2030-12-24)", "größer als 500", "429",
    ]
  )
  func words(message: String) {
    for prefix in ["SUMMER", "A", nil] {
      #expect(Texts.public.about(prefix: prefix).quote(message) == message)
    }
  }

  @Test("a prefix may contain any character")
  func oddPrefix() {
    #expect(Texts.public.about(prefix: "#50% ").quote("x#50% off!") == "x(code)!")
    #expect(Texts.public.about(prefix: "#50% ").quote("a #50% ") == "a #50% ")
  }

  @Test("a customer's code in the field code is not taken for an error code")
  func codeField() {
    let body = #"{"id":"x","code":"SUMMER-7Q2KX9","status":"available"}"#
    #expect(said(body, status: 200).code == "http_200")
    #expect(said(#"{"code":"ERR_4001","message":"K7Q2KX9!"}"#).code == "ERR_4001")
    #expect(said(#"{"code":"ERR_4001","message":"K7Q2KX9!"}"#).message == "(code)!")
  }

  @Test(
    "a code of a short prefix is hidden too, and words that begin with it stay",
    arguments: [
      ("A", "no API accepts AQXKTRMB as a count", "no API accepts (code) as a count"),
      ("AB", "ABQXKT and abQXkt and AB7QXK", "(code) and (code) and (code)"),
      ("s", "some status says sXKQT; Something", "some status says (code); Something"),
      ("#5", "#5abc is #5", "(code) is #5"), ("é", "éQXKT était", "(code) était"),
    ]
  )
  func shortPrefix(prefix: String, message: String, shown: String) {
    #expect(Texts.public.about(prefix: prefix).quote(message) == shown)
  }

  @Test("a key that is shorter than any real one is not searched for")
  func shortKey() throws {
    for key in ["a", "test"] {
      let texts = PublicText(hiding: try APIKey(key))
      #expect(texts.quote("a test of a matter") == "a test of a matter")
    }
    #expect(PublicText(hiding: try APIKey("12345678")).clean("x12345678") == "x(secret)")
  }

  /// What an API can say that makes a search go back again and again.
  private static let repetitions = [
    ".", "...", ".a", "-", "_", "a", "A", "7", "aA7", "ab", "abc-", "abc.", " ", "'", "é",
    "\u{301}",
    "k3y-that-must-never-show-7f1", "SUMMER", "summerSUMMER.", "0-", "a,", "\n", "\u{1F600}",
  ]

  /// The processor's time of this thread: how busy the machine is does not matter.
  private func spent(_ work: () -> Void) -> Double {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    work()
    return now() - start
  }

  @Test("no text takes more than linear work, whatever the prefix", arguments: repetitions)
  func linear(part: String) {
    for prefix in ["...", "a", "SUMMER", nil] {
      let text = String(repeating: part, count: 30_000 / part.unicodeScalars.count)
      // A debug build takes a twentieth of a second. With work that grew with the square, 20,000
      // characters took seventeen.
      let hiding = spent { _ = CodeHider(prefix: prefix).hide(text) }
      #expect(hiding < 3, "\(prefix ?? "no prefix")")
    }
    let million = String(repeating: part, count: 1_000_000 / part.utf8.count)
    #expect(spent { _ = Texts.public.about(prefix: "...").quote(million) } < 1)
    #expect(spent { _ = Texts.public.clean(million) } < 1)
  }

  @Test("nothing of a code or of the key is left at the cut", arguments: 0..<40)
  func cut(rest: Int) {
    let front = String(repeating: "x ", count: (Bounds.messageLength - rest) / 2)
    for secret in ["SUMMER-7Q2KX9AB", "48213377", testKey] {
      let shown = Texts.public.about(prefix: "SUMMER").quote("\(front)\(secret) and more")
      // Nothing but the replacements, whole or cut, and the words behind.
      let tail = shown.dropFirst(front.count)
      #expect(tail.allSatisfy { "(code) (secret) and more".contains($0) }, "\(tail)")
    }
  }

  @Test("a code at the limit is not cut in two, and long texts are fast")
  func border() {
    let long = String(repeating: "x", count: Bounds.messageLength - 3) + " 7Q2KX9AB"
    #expect(Texts.public.quote(long).hasSuffix(" (c"))
    let huge = String(repeating: "7Q2KX9AB ", count: 10_000)
    #expect(Texts.public.quote(huge).hasPrefix("(code) (code) "))
  }
}
