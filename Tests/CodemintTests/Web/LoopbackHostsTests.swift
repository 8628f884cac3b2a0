import Testing

@testable import codemint

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
    for address in ["0.0.0.0", "::", "128.0.0.1", "127.0.0.256", "127.1", "127.0.0.1.example", ""] {
      #expect(!LoopbackHosts.isLoopback(address), "\(address)")
    }
  }
}
