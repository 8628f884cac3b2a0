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

  @Test("a code that is a short number is kept as text, and a long one could be a customer's")
  func number() {
    #expect(said(#"{"code":404,"message":"m"}"#).code == "404")
    #expect(said(#"{"code":48213377,"message":"m"}"#).code == "http_422")
  }

  @Test("messages are cut, without control characters and without the key")
  func clean() {
    let long = String(repeating: "a ", count: 2500)
    #expect(said("{\"message\":\"\(long)\"}").message.unicodeScalars.count == Bounds.messageLength)
    #expect(Texts.public.clean("a\u{0}b\nc\u{1B}d\u{85}e") == "a\u{FFFD}b c\u{FFFD}d e")
    #expect(said(#"{"message":"a\u0000b\nno\u0085it"}"#).message == "(hidden) no it")
    #expect(said("{\"message\":\"\(testKey)!\"}").message == "(secret)!")
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
    "whatever is no known word is hidden, whatever a code looks like",
    arguments: [
      ("code SUMMER7Q2K exists", "code (hidden) exists"),
      ("status_404 or code_1234 or Code_12", "status_404 or (hidden) or (hidden)"),
      ("code-12", "(hidden)"),
      ("'summer-x' is taken.", "'(hidden)' is taken."),
      ("(SUMMER.7Q/2!) SUMMERY.", "((hidden)!) (hidden)."),
      ("7Q2KX9 and SAVE-2041 and x7q2k9ab", "(hidden) and (hidden) and (hidden)"),
      ("48213377 or ABCD-EFGH-JKLM or 4821", "(hidden) or (hidden) or (hidden)"),
      ("ab and AQXKT, sxkqt or qwertzui", "(hidden) and (hidden), (hidden) or (hidden)"),
      ("A+B#C or A%7, _X_ or a_SUMMER_7Q2K", "(hidden) or (hidden), (hidden) or (hidden)"),
      ("ÄÖÜ-Ñ1234 größer 😀", "(hidden) (hidden) (hidden)"),
      // A code can contain white space, and be written in parts.
      ("the code 48 21 33 is taken", "the code (hidden) (hidden) (hidden) is taken"),
      ("#50% 123 is taken", "(hidden) (hidden) is taken"),
      ("NOT-FOUND or nOt or NOTFOUND", "(hidden) or (hidden) or (hidden)"),
      ("is-500 v1/limit", "(hidden) (hidden)"),
    ]
  )
  func codes(message: String, shown: String) {
    #expect(Texts.public.quote(message) == shown)
  }

  @Test(
    "known words stay, with numbers between them, and names that are made of them",
    arguments: [
      "count must be from 1 to 500", "x-api-key is missing or wrong", "reward_not_found",
      "REWARD_NOT_FOUND: Forbidden!", "the reward has expired, or doesn't exist (now: no)",
      "there is no reward with this id", "too many requests in one second", "429", "",
      "the body is larger than 64 KIB", "content-type must be application/json",
    ]
  )
  func words(message: String) {
    #expect(Texts.public.quote(message) == message)
  }

  @Test("a customer's code in the field code is not taken for an error code")
  func codeField() {
    let body = #"{"id":"x","code":"SUMMER-7Q2KX9","status":"available"}"#
    #expect(said(body, status: 200).code == "http_200")
    #expect(said(#"{"code":"SUMMERCODE","message":"m"}"#).code == "http_422")
    #expect(said(#"{"code":"INVALID_COUNT","message":"K7Q2KX9!"}"#).code == "INVALID_COUNT")
    #expect(said(#"{"code":"INVALID_COUNT","message":"K7Q2KX9!"}"#).message == "(hidden)!")
  }

  @Test("a key that is shorter than any real one is not searched for")
  func shortKey() throws {
    for key in ["a", "test"] {
      let texts = PublicText(hiding: try APIKey(key))
      #expect(texts.clean("a test of a matter") == "a test of a matter")
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
    let text = String(repeating: part, count: 30_000 / part.unicodeScalars.count)
    // With work that grew with the square, 20,000 characters took seventeen seconds.
    #expect(spent { _ = KnownWords.keep(text) } < 3)
    let million = String(repeating: part, count: 1_000_000 / part.utf8.count)
    #expect(spent { _ = Texts.public.quote(million) } < 1)
    #expect(spent { _ = Texts.public.clean(million) } < 1)
  }

  @Test("nothing of a code or of the key is left at the cut", arguments: 0..<40)
  func cut(rest: Int) {
    let front = String(repeating: "x ", count: (Bounds.messageLength - rest) / 2)
    for secret in ["SUMMER-7Q2KX9AB", "48213377", testKey] {
      let shown = Texts.public.quote("\(front)\(secret) and more")
      // Nothing but the replacements, whole or cut, and the words behind.
      let tail = shown.dropFirst(front.count)
      #expect(tail.allSatisfy { "(hidden) (secret) and more".contains($0) }, "\(tail)")
    }
  }

  @Test("a code at the limit is not cut in two, and long texts are fast")
  func border() {
    let long = String(repeating: "x", count: Bounds.messageLength - 3) + " 7Q2KX9AB"
    #expect(Texts.public.quote(long) == "(hidden) (hidden)")
    let huge = String(repeating: "7Q2KX9AB ", count: 10_000)
    #expect(Texts.public.quote(huge).hasPrefix("(hidden) (hidden) "))
  }
}
