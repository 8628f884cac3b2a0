import Foundation
import Provisioning
import Testing

@testable import OneOfNone

@Suite("Settings of the client")
struct ConfigurationTests {
  @Test(
    "good base URLs",
    arguments: [
      ("https://api.oneofnone.io", "https://api.oneofnone.io"),
      ("https://api.oneofnone.io/", "https://api.oneofnone.io"),
      (
        "HTTPS://API.oneofnone.io:8443/Proxy/one-of-none/",
        "https://api.oneofnone.io:8443/Proxy/one-of-none"
      ),
      ("https://10.0.0.7", "https://10.0.0.7"),
      ("https://[2001:db8::1]:443", "https://[2001:db8::1]:443"),
      ("http://localhost:8080", "http://localhost:8080"), ("http://LOCALHOST", "http://localhost"),
      ("http://127.0.0.1:1", "http://127.0.0.1:1"),
      ("http://127.255.3.4:65535/a%20b", "http://127.255.3.4:65535/a%20b"),
      ("http://[::1]:8080", "http://[::1]:8080"),
    ]
  )
  func good(text: String, kept: String) throws {
    #expect(try BaseURL(text).text == kept)
  }

  @Test(
    "plain http to anything but this machine is refused, and the error says so",
    arguments: [
      "http://api.oneofnone.io", "http://128.0.0.1", "http://127.0.0.1.example.com",
      "http://0.0.0.0",
      "http://127.0.0.256", "http://127.1", "http://127.0.0.01", "http://localhost.example.com",
      "http://[::2]", "http://[::ffff:10.0.0.1]", "http://10.0.0.1:80", "http://0x7f000001",
      "http://localhost.",
    ]
  )
  func plain(text: String) {
    let error = #expect(throws: ConfigurationError.self) { try BaseURL(text) }
    #expect(error?.code == .baseURL)
    #expect(error?.description.contains("plain http is for") == true)
  }

  @Test(
    "other bad base URLs are refused, each with its rule",
    arguments: [
      ("", "must begin with https://"), ("api.oneofnone.io", "must begin with https://"),
      ("ftp://x", "must begin with https://"), (" https://x", "must begin with https://"),
      ("https:/x", "must begin with https://"), ("https://", "no host"), ("https:///v1", "no host"),
      ("https://:443", "no host"), ("https://user@x", "user name"), ("https://u:p@x/", "user name"),
      ("http://127.0.0.1@evil.example", "user name"), ("https://x?y=1", "query"),
      ("https://x/#a", "fragment"), ("https://x:0", "port"), ("https://x:65536", "port"),
      ("https://x:", "port"), ("https://x:+80", "port"), ("https://x:80:80", "port"),
      ("https://a b", "character in its host"), ("https://exämple", "character in its host"),
      ("https://x\r\n", "character in its host"), ("https://x%2e", "character in its host"),
      ("https://x/a b", "character in its path"), ("https://x/\\", "character in its path"),
      ("https://x/a//b", "segment"), ("https://x/../b", "segment"), ("https://x//", "segment"),
      ("https://[::1", "without a ]"), ("https://[x]", "IPv6"), ("https://[]", "IPv6"),
      ("https://[::1]x", "port"),
    ]
  )
  func bad(text: String, rule: String) {
    let error = #expect(throws: ConfigurationError.self) { try BaseURL(text) }
    #expect(error?.code == .baseURL)
    #expect(error?.description.contains(rule) == true, "\(error?.description ?? "")")
  }

  @Test("a user name or password does not show in the error")
  func userInformation() {
    let error = #expect(throws: ConfigurationError.self) { try BaseURL("https://me:hush@x") }
    #expect(error?.description.contains("hush") == false)
  }

  @Test("a key that is empty or does not fit a header is refused without being shown")
  func keys() throws {
    for bad in ["", " \n", "a b", "abc\u{0}def", "abc\r\nx-evil: 1", "schlüssel", "a\u{7F}"] {
      let error = #expect(throws: ConfigurationError.self) { try APIKey(bad) }
      #expect(error?.code == .key)
      #expect(error?.description.contains("abc") == false)
    }
    #expect(try APIKey("  \(testKey)\n").value == testKey)
    #expect(try APIKey("\(testKey)\r\n").value == testKey)
  }

  @Test("no description, dump or interpolation shows the key")
  func secretHides() throws {
    let configuration = try configuration()
    let client = String(reflecting: configuration) + "\(configuration)"
    var dumped = ""
    dump(configuration, to: &dumped)
    for text in [client, dumped, "\(configuration.key)", String(reflecting: configuration.key)] {
      #expect(!text.contains(testKey))
    }
  }

  @Test("a timeout that is zero, negative or too long is refused")
  func timeouts() throws {
    for bad: Duration in [.zero, .seconds(-1), .seconds(601)] {
      let error = #expect(throws: ConfigurationError.self) { try configuration(timeout: bad) }
      #expect(error?.code == .timeout)
    }
    #expect(try configuration(timeout: .seconds(600)).timeout == .seconds(600))
  }

  @Test("a version that does not fit a header is refused")
  func versions() {
    for bad in ["", "1 2", "1\r\n"] {
      let error = #expect(throws: ConfigurationError.self) { try configuration(version: bad) }
      #expect(error?.code == .version)
    }
  }

  @Test("a CA file that is missing, empty or no PEM is an error that names it")
  func caFiles() throws {
    let directory = FileManager.default.temporaryDirectory
      .appendingPathComponent("codemint-ca-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let empty = directory.appendingPathComponent("empty.pem").path
    let noPEM = directory.appendingPathComponent("text.pem").path
    try Data().write(to: URL(fileURLWithPath: empty))
    try Data("not a certificate".utf8).write(to: URL(fileURLWithPath: noPEM))
    for file in [empty, noPEM, directory.appendingPathComponent("none.pem").path, directory.path] {
      let error = #expect(throws: ConfigurationError.self) { try configuration(caFile: file) }
      #expect(error?.code == .caFile)
      #expect(error?.description.contains(file) == true)
    }
  }

  private func configuration(
    timeout: Duration = .seconds(30),
    caFile: String? = nil,
    version: String = "1.0.0"
  ) throws -> APIConfiguration {
    try APIConfiguration(
      baseURL: "https://api.oneofnone.io",
      key: APIKey(testKey),
      timeout: timeout,
      caFile: caFile,
      version: version
    )
  }
}
