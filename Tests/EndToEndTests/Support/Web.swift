import AsyncHTTPClient
import Foundation
import LocalPostgres
import NIOCore
import Testing

/// A web server on loopback, the surface of a daemon most of all, as a browser sees it.
struct Web {
  struct Answer: Equatable {
    let status: Int
    let body: String
    /// In how many seconds to come again.
    var retryAfter: String?
  }

  let address: String

  init(address: String) {
    self.address = address
  }

  /// Where nobody listens yet.
  init() throws {
    self.init(address: "127.0.0.1:\(try FreePort.find())")
  }

  /// - Parameter host: What the request names in `Host`; where it goes if nil.
  func get(_ path: String, host: String? = nil) async throws -> Answer {
    var request = HTTPClientRequest(url: "http://\(address)\(path)")
    if let host { request.headers.replaceOrAdd(name: "Host", value: host) }
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    let body = try await answer.body.collect(upTo: 1 << 20)
    return Answer(
      status: Int(answer.status.code),
      body: String(buffer: body),
      retryAfter: answer.headers.first(name: "Retry-After")
    )
  }

  /// The status with which a request for the head alone is answered.
  func head(_ path: String) async throws -> Int {
    var request = HTTPClientRequest(url: "http://\(address)\(path)")
    request.method = .HEAD
    let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
    return Int(answer.status.code)
  }

  /// What the page shows, as it is now.
  func facts() async throws -> [String: Any] {
    let body = try await get("/status.json").body
    let object = try JSONSerialization.jsonObject(with: Data(body.utf8))
    return try #require(object as? [String: Any])
  }

  /// What the page is told first.
  func firstEvent() async throws -> String {
    let answer = try await HTTPClient.shared.execute(
      HTTPClientRequest(url: "http://\(address)/events"),
      timeout: .seconds(30)
    )
    var text = ""
    for try await part in answer.body {
      text += String(buffer: part)
      if text.hasSuffix("\n\n") { break }
    }
    return text
  }
}
