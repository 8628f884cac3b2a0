import Testing

@testable import codemint

@Suite("http.listen")
struct ListenAddressTests {
  @Test(
    "a host and a port, with an IPv6 address in brackets",
    arguments: [
      ("127.0.0.1:9420", "127.0.0.1", 9420), ("localhost:1", "localhost", 1),
      ("[::1]:65535", "::1", 65535), ("0.0.0.0:80", "0.0.0.0", 80),
    ]
  )
  func addresses(text: String, host: String, port: Int) {
    #expect(ListenAddress(text) == .address(host: host, port: port))
    #expect(ListenAddress(text)?.description == text)
  }

  @Test("an empty text switches it off")
  func off() throws {
    #expect(ListenAddress("") == .off)
    #expect(try Loading.settings(yaml: "http:\n  listen: \"\"\n").listen == .off)
    #expect(try Loading.settings(environment: ["CODEMINT_HTTP_LISTEN": ""]).listen == .off)
    #expect(try Loading.settings().listen == .address(host: "127.0.0.1", port: 9420))
  }

  @Test(
    "anything else is refused",
    arguments: [
      "9420", ":9420", "localhost", "localhost:", "localhost:0", "localhost:65536", "::1:80",
      "localhost:+80", "local host:80", "http://localhost:80", "localhost:80/",
    ]
  )
  func refused(text: String) throws {
    #expect(ListenAddress(text) == nil)
    let problems = try Loading.problems(environment: ["CODEMINT_HTTP_LISTEN": text])
    #expect(problems.map(\.name) == ["http.listen"])
  }
}

@Suite("Host names of this machine")
struct LoopbackHostsTests {
  @Test("the name that http.listen gives is the operator's own")
  func configured() {
    let hosts = LoopbackHosts(configured: "shop-1")
    #expect(hosts.accept("Shop-1:9420") && hosts.accept("localhost") && hosts.accept(nil))
    #expect(!hosts.accept("shop-2") && !hosts.accept("") && !hosts.accept("shop-1.example"))
  }

  @Test("an address of this machine is in 127.0.0.0/8, or ::1")
  func addresses() {
    for address in ["127.0.0.1", "127.255.0.9", "::1"] {
      #expect(LoopbackHosts.isLoopback(address))
    }
    for address in [
      "0.0.0.0", "::", "128.0.0.1", "127.0.0.256", "127.1", "127.0.0.1.example", "", "127.0.0.01",
      "127.0.0.+1", "127.0.0.0x1", "127.000.0.1", "127.0.0.１",
    ] {
      #expect(!LoopbackHosts.isLoopback(address), "\(address)")
    }
  }
}
