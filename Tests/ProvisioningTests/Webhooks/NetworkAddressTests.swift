import Provisioning
import Testing

@Suite("Addresses that webhooks may lead to")
struct NetworkAddressTests {
  /// An address from its usual form: of IPv6 only in full, or with one `::`.
  private static func address(_ text: String) throws -> NetworkAddress {
    if !text.contains(":") {
      return try #require(NetworkAddress(text.split(separator: ".").compactMap { UInt8($0) }))
    }
    let halves = text.components(around: "::").map { half in
      half.split(separator: ":").flatMap { group in
        let number = UInt16(group, radix: 16) ?? 0
        return [UInt8(number >> 8), UInt8(number & 0xFF)]
      }
    }
    let zeros = Array(repeating: UInt8(0), count: 16 - halves.joined().count)
    return try #require(NetworkAddress(halves[0] + zeros + (halves.count > 1 ? halves[1] : [])))
  }

  @Test(
    "anybody's addresses are open",
    arguments: [
      "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
      "128.0.0.1",
      "168.63.129.15", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0",
      "192.167.255.255",
      "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111",
      "2a00:1450::1",
      "2001:4860:4860::8888", "64:ff9b::101:101", "::ffff:101:101",
    ]
  )
  func open(text: String) throws {
    #expect(try Self.address(text).reach == .open)
  }

  @Test(
    "this machine and its networks are enclosed, in every form of their addresses",
    arguments: [
      "127.0.0.1", "127.255.255.255", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255",
      "192.168.1.1",
      "100.64.0.1", "100.100.100.199", "100.100.100.201", "100.127.255.255", "198.18.0.1", "::1",
      "fc00::1", "fd12:3456::1",
      "::ffff:7f00:1",
      "::ffff:a00:1", "64:ff9b::7f00:1", "64:ff9b::c0a8:101",
    ]
  )
  func enclosed(text: String) throws {
    #expect(try Self.address(text).reach == .enclosed)
  }

  @Test(
    "what keeps the secrets of machines, tunnels, and what is no machine's address is forbidden",
    arguments: [
      "0.0.0.0", "0.1.2.3", "169.254.169.254", "169.254.0.1", "168.63.129.16", "192.0.0.1",
      "192.0.2.1",
      "192.88.99.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
      "::",
      "fe80::1", "ff02::1", "fec0::1", "fd00:ec2::254", "fd20:ce::254",
      "fd00:c1::a9fe:a9fe", "fd00:42::42", "100.100.100.200", "::ffff:6464:64c8",
      "2001:db8::1", "2001::1", "2002:7f00:1::1",
      "3fff::1", "::ffff:a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "::7f00:1", "100::1",
      "4000::1",
    ]
  )
  func forbidden(text: String) throws {
    #expect(try Self.address(text).reach == .forbidden)
  }

  @Test("only this machine is loopback")
  func loopback() throws {
    for text in ["127.0.0.1", "127.9.9.9", "::1"] { #expect(try Self.address(text).isLoopback) }
    for text in ["10.0.0.1", "::2", "::ffff:7f00:1", "::"] {
      #expect(try !Self.address(text).isLoopback)
    }
  }

  @Test("an address is four bytes or sixteen, and is written as usual")
  func bytes() throws {
    #expect(NetworkAddress([1, 2, 3]) == nil && NetworkAddress([]) == nil)
    #expect(try Self.address("10.0.255.7").description == "10.0.255.7")
    #expect(try Self.address("fd12::1").description == "fd12:0:0:0:0:0:0:1")
  }
}

extension String {
  fileprivate func components(around mark: String) -> [Substring] {
    guard let range = firstRange(of: mark) else { return [self[...]] }
    return [self[..<range.lowerBound], self[range.upperBound...]]
  }
}
