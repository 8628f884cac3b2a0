/// An address of IPv4 or IPv6, and whether a webhook may lead there.
///
/// Whoever may choose a URL, or controls the name in it, could have the daemon send requests to services that
/// only the daemon's own network reaches. So addresses are judged, not names: a name can lead to another address
/// each time (DNS rebinding).
public struct NetworkAddress: Hashable, Sendable {
  /// Who can be at an address.
  public enum Reach: Hashable, Sendable {
    /// Anybody in the Internet.
    case open
    /// This machine or its own network.
    case enclosed
    /// Nobody that a webhook may lead to: link-local addresses, where clouds keep the secrets of a machine, and
    /// those that are no address of a single machine.
    case forbidden
  }

  /// Four bytes or sixteen.
  public let bytes: [UInt8]

  /// An address of these bytes; nil if they are not four or sixteen.
  public init?(_ bytes: [UInt8]) {
    guard [4, 16].contains(bytes.count) else { return nil }
    self.bytes = bytes
  }

  /// Who can be there. Sources: the registries of special-purpose addresses of IANA (RFC 6890).
  public var reach: Reach {
    bytes.count == 4 ? Self.reach4(bytes) : reach6
  }

  /// Whether it is this machine.
  public var isLoopback: Bool {
    if bytes.count == 4 { return bytes[0] == 127 }
    return bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
  }

  private static let ranges4: [(start: [UInt8], bits: Int, reach: Reach)] = [
    ([0, 0, 0, 0], 8, .forbidden), ([10, 0, 0, 0], 8, .enclosed),
    ([100, 100, 100, 200], 32, .forbidden), ([100, 64, 0, 0], 10, .enclosed),
    ([127, 0, 0, 0], 8, .enclosed),
    ([168, 63, 129, 16], 32, .forbidden), ([169, 254, 0, 0], 16, .forbidden),
    ([172, 16, 0, 0], 12, .enclosed), ([192, 0, 0, 0], 24, .forbidden),
    ([192, 0, 2, 0], 24, .forbidden), ([192, 88, 99, 0], 24, .forbidden),
    ([192, 168, 0, 0], 16, .enclosed), ([198, 18, 0, 0], 15, .enclosed),
    ([198, 51, 100, 0], 24, .forbidden), ([203, 0, 113, 0], 24, .forbidden),
    ([224, 0, 0, 0], 3, .forbidden),
  ]

  /// Where clouds keep the secrets of a machine within fc00::/7: Amazon, Google, Oracle and Scaleway. Those of IPv4
  /// beside link-local addresses are in `ranges4`: 100.100.100.200 (Alibaba) and 168.63.129.16 (Azure).
  private static let secretsOfMachines: [[Int]] = [
    [0xFD00, 0xEC2, 0, 0, 0, 0, 0, 0x254], [0xFD20, 0xCE, 0, 0, 0, 0, 0, 0x254],
    [0xFD00, 0xC1, 0, 0, 0, 0, 0xA9FE, 0xA9FE], [0xFD00, 0x42, 0, 0, 0, 0, 0, 0x42],
  ]

  private static func reach4(_ bytes: [UInt8]) -> Reach {
    ranges4.first { isWithin(bytes, $0.start, bits: $0.bits) }?.reach ?? .open
  }

  /// Addresses that carry one of IPv4 are judged by that one. Of the rest only those are open that IANA
  /// gives out (2000::/3), without tunnels and examples.
  private var reach6: Reach {
    if bytes.prefix(15).allSatisfy({ $0 == 0 }) { return bytes[15] == 1 ? .enclosed : .forbidden }
    let mapped: [UInt8] = Array(repeating: 0, count: 10) + [0xFF, 0xFF]
    let translated: [UInt8] = [0, 0x64, 0xFF, 0x9B] + Array(repeating: 0, count: 8)
    if bytes.starts(with: mapped) || bytes.starts(with: translated) {
      return Self.reach4(Array(bytes[12...]))
    }
    // The rest of fc00::/7 is for networks of one's own.
    if Self.secretsOfMachines.contains(groups) { return .forbidden }
    if bytes[0] & 0xFE == 0xFC { return .enclosed }
    let forbidden: [(start: [UInt8], bits: Int)] = [
      ([0x20, 0x01, 0, 0], 23), ([0x20, 0x01, 0x0D, 0xB8], 32), ([0x20, 0x02], 16),
      ([0x3F, 0xFF, 0], 20),
    ]
    guard bytes[0] & 0xE0 == 0x20,
      !forbidden.contains(where: { Self.isWithin(bytes, $0.start, bits: $0.bits) })
    else { return .forbidden }
    return .open
  }

  /// The numbers of an address of IPv6, as it is written in full.
  fileprivate var groups: [Int] {
    stride(from: 0, to: bytes.count, by: 2).map { Int(bytes[$0]) << 8 | Int(bytes[$0 + 1]) }
  }

  private static func isWithin(_ bytes: [UInt8], _ start: [UInt8], bits: Int) -> Bool {
    (0..<bits).allSatisfy { bit in
      let mask: UInt8 = 0x80 >> (bit % 8)
      return bytes[bit / 8] & mask == start[bit / 8] & mask
    }
  }
}

extension NetworkAddress: CustomStringConvertible {
  /// As it is usually written; an address of IPv6 in full.
  public var description: String {
    if bytes.count == 4 { return bytes.map { String($0) }.joined(separator: ".") }
    return groups.map { String($0, radix: 16) }.joined(separator: ":")
  }
}
