import Provisioning
import Testing

@testable import codemint

@Suite("The units in systemd/ fit the settings")
struct UnitFileTests {
  /// The service, and the template for several on one host.
  static let units = ["codemint.service", "codemint@.service"]

  static func lines(_ unit: String) throws -> [Substring] {
    try Repository.text("systemd/\(unit)").split(separator: "\n").filter { !$0.hasPrefix("#") }
  }

  static func value(_ key: String, _ unit: String) throws -> [String] {
    try lines(unit).filter { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
  }

  static func seconds(_ key: String, _ unit: String) throws -> Double {
    try #require(try value(key, unit).first.flatMap(Double.init))
  }

  @Test("rule 19: the watchdog kills before the default lease is over", arguments: units)
  func watchdog(unit: String) throws {
    #expect(try Self.seconds("WatchdogSec", unit) < Settings().lease.seconds)
    #expect(try Self.value("WatchdogSignal", unit) == ["SIGKILL"])
  }

  @Test("stopping may take as long as the API's answer and five seconds more", arguments: units)
  func stopping(unit: String) throws {
    #expect(try Self.seconds("TimeoutStopSec", unit) > Settings().api.timeout.seconds + 5)
  }

  @Test(
    "the unit leaves room for all that lists and answers may take, and is bounded",
    arguments: units
  )
  func memory(unit: String) throws {
    #expect(try Self.value("MemoryMax", unit) == ["2G"])
    // What is decoded of an answer takes up to three times its bytes.
    let most = Bounds.listingBytes + 4 * Bounds.answersBytes
    #expect(most < 2_000_000_000)
    #expect(try Self.value("LimitNOFILE", unit) == ["65536"])
  }

  @Test("after a wrong setting there is no restart", arguments: units)
  func wrongSetting(unit: String) throws {
    let status = ["\(ExitStatus.config.rawValue)"]
    #expect(try Self.value("RestartPreventExitStatus", unit) == status)
  }

  @Test("each secret that systemd can pass is passed, and may be missing", arguments: units)
  func credentials(unit: String) throws {
    let names = Set(Setting.allCases.compactMap(\.credentialName))
    let passed = try Self.value("LoadCredential", unit).map { String($0.prefix { $0 != ":" }) }
    let missing = try Self.value("SetCredential", unit).map { String($0.prefix { $0 != ":" }) }
    #expect(Set(passed) == names && Set(missing) == names)
  }

  @Test("an instance differs from the service only in its name, its settings and its account")
  func instance() throws {
    let plain = try Self.lines("codemint.service").map(String.init)
    let instance = try Self.lines("codemint@.service").map {
      String($0).replacing("codemint %i,", with: "codemint,")
        .replacing(" --config /etc/codemint/%i.yaml", with: "")
        .replacing("/etc/codemint/%i/", with: "/etc/codemint/")
    }
    #expect(instance.filter { $0 != "User=codemint-%i" } == plain)
  }
}
