import Testing

@testable import Sandbox

@Suite("what a sandbox refuses to be told")
struct ConfigurationTests {
  @Test(
    "a configuration out of range is refused with a sentence",
    arguments: [
      SandboxConfiguration(port: 70_000),
      SandboxConfiguration(rewards: .only(["no-uuid"])),
      SandboxConfiguration(latency: SandboxLatency(fixed: .seconds(-1))),
      SandboxConfiguration(codes: CodeShape(length: 5)),
      SandboxConfiguration(codes: CodeShape(length: 0)),
      SandboxConfiguration(codes: CodeShape(length: 65)),
      SandboxConfiguration(codes: CodeShape(alphabet: "AA")),
      SandboxConfiguration(codes: CodeShape(alphabet: "A\"B")),
      SandboxConfiguration(codes: CodeShape(alphabet: "äöü")),
      SandboxConfiguration(sync: SyncShape(pendingShare: 1.5)),
      SandboxConfiguration(sync: SyncShape(pendingSpread: .seconds(-1))),
      SandboxConfiguration(fate: FateShape(share: 2)),
      SandboxConfiguration(fate: FateShape(after: .seconds(-1))),
      SandboxConfiguration(sync: SyncShape(pendingFor: .seconds(-1))),
      SandboxConfiguration(requestsPerSecond: 0),
      SandboxConfiguration(faults: FaultPlan(rules: [FaultRule(.team, .long(by: 1))])),
    ]
  )
  func refused(_ configuration: SandboxConfiguration) {
    #expect(throws: SandboxError.self) { try Sandbox(configuration) }
  }

  @Test("a port that is taken makes both running and asking for the port fail")
  func takenPort() async throws {
    try await withSandbox { (caller) async throws in
      let second = try Sandbox(SandboxConfiguration(port: caller.port))
      let port = Task { try await second.port() }
      await #expect(throws: (any Error).self) { try await second.run() }
      await #expect(throws: (any Error).self) { _ = try await port.value }
    }
  }

  @Test("a key is shown neither by description nor by dump")
  func secretKey() {
    let key = SandboxKey("hush")
    var dumped = ""
    dump(SandboxConfiguration(apiKey: key), to: &dumped)
    #expect(!dumped.contains("hush"))
    #expect(!"\(key) \(String(reflecting: key))".contains("hush"))
  }
}
