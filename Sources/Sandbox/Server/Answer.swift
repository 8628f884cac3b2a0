internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// An answer that is ready to go out.
struct Answer: Sendable {
  var status: Int
  var headers: HTTPFields = [.contentType: "application/json; charset=utf-8"]
  var body: ByteBuffer

  init(_ status: Int, _ body: ByteBuffer) {
    self.status = status
    self.body = body
  }

  init(_ refusal: Refusal) {
    self.init(refusal.status, ByteBuffer(string: refusal.json))
  }

  /// The answer as the server sends it: head and body in one write.
  var response: Response {
    Response(
      status: HTTPResponse.Status(code: status), headers: headers,
      body: ResponseBody(byteBuffer: body))
  }
}
