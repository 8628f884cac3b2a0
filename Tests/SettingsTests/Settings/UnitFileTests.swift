import Provisioning
import Testing

@testable import codemint

@Suite("systemd/codemint.service fits the settings")
struct UnitFileTests {
  static func value(_ key: String) throws -> [String] {
    try Repository.text("systemd/codemint.service").split(separator: "\n")
      .filter { $0.hasPrefix("\(key)=") }
      .map { String($0.dropFirst(key.count + 1)) }
  }

  static func seconds(_ key: String) throws -> Double {
    try #require(try value(key).first.flatMap(Double.init))
  }

  @Test("rule 19: the watchdog bites before the default lease is over, and kills")
  func watchdog() throws {
    #expect(try Self.seconds("WatchdogSec") < Settings().lease.seconds)
    #expect(try Self.value("WatchdogSignal") == ["SIGKILL"])
  }

  @Test("stopping has time for the API's answer and five seconds more")
  func stopping() throws {
    #expect(try Self.seconds("TimeoutStopSec") > Settings().api.timeout.seconds + 5)
  }

  @Test("a wrong setting is not tried again")
  func wrongSetting() throws {
    #expect(try Self.value("RestartPreventExitStatus") == ["\(ExitStatus.config.rawValue)"])
  }

  @Test("each secret that systemd can pass is passed, and may be missing")
  func credentials() throws {
    let names = Set(Setting.allCases.compactMap(\.credentialName))
    let passed = try Self.value("LoadCredential").map { String($0.prefix { $0 != ":" }) }
    let missing = try Self.value("SetCredential").map { String($0.prefix { $0 != ":" }) }
    #expect(Set(passed) == names && Set(missing) == names)
  }
}
