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
    let long = String(repeating: "é", count: 5000)
    #expect(said("{\"message\":\"\(long)\"}").message.unicodeScalars.count == Bounds.messageLength)
    #expect(said(#"{"message":"a\u0000b\nc\u001bd\u0085e"}"#).message == "a\u{FFFD}b c\u{FFFD}d e")
    #expect(said("{\"message\":\"\(testKey)\(testKey)!\"}").message == "(secret)(secret)!")
    let escaped = "\\u006b" + testKey.dropFirst()
    #expect(said("{\"message\":\"<\(escaped)>\"}").message == "<(secret)>")
    let border = String(repeating: "x", count: Bounds.messageLength - 5) + testKey
    #expect(!said("{\"message\":\"\(border)\"}").message.contains("k3y"))
  }

  @Test("bytes that are no UTF-8 are no message")
  func noUTF8() {
    let body = Array(#"{"message":""#.utf8) + [0xFF, 0xFE] + Array(#""}"#.utf8)
    let error = ErrorBody(status: 500, body: body, texts: Texts.public)
    #expect(error.code == "http_500")
  }
}
