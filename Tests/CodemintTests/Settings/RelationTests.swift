import Provisioning
import Testing

@testable import codemint

@Suite("Settings that depend on each other")
struct RelationTests {
  @Test("one reward may not have more calls in flight than all rewards")
  func inFlight() throws {
    let problems = try Loading.problems(
      environment: ["CODEMINT_LIMITS_MAX_IN_FLIGHT_PER_REWARD": "5"],
      yaml: "limits:\n  max_in_flight: 3\n"
    )
    let problem = try #require(problems.first)
    #expect(problems.count == 1 && problem.name == "limits.max_in_flight_per_reward")
    #expect(problem.rule.contains("5 is more than limits.max_in_flight, which is 3"))
    #expect(problem.rule.contains("line 2"))
  }

  @Test("the default for one reward is lowered to a smaller limit for all rewards")
  func inFlightDefault() throws {
    let settings = try Loading.settings(environment: ["CODEMINT_LIMITS_MAX_IN_FLIGHT": "1"])
    #expect(settings.limits.maxInFlightPerReward == 1)
  }

  @Test("a lease must be longer than the watchdog's patience")
  func watchdog() throws {
    for (lease, isRight) in [("10", false), ("20", false), ("21", true)] {
      let environment = ["CODEMINT_LEASE_SECONDS": lease, "WATCHDOG_USEC": "20000000"]
      if isRight {
        #expect(throws: Never.self) { try Loading.settings(environment: environment) }
      } else {
        let problems = try Loading.problems(environment: environment)
        #expect(problems.map(\.name) == ["lease.seconds"])
        #expect(problems[0].rule.contains("WatchdogSec in the unit file, which is 20 seconds"))
      }
    }
  }

  @Test("the watchdog of another process says nothing about the lease")
  func foreignWatchdog() throws {
    let environment = ["WATCHDOG_USEC": "90000000", "WATCHDOG_PID": "1"]
    #expect(throws: Never.self) { try Loading.settings(environment: environment) }
  }

  @Test("a file of authorities that is not there is refused")
  func authorities() throws {
    let problems = try Loading.problems(yaml: "api: {ca_file: /nonexistent/ca.pem}")
    #expect(problems.map(\.name) == ["api.ca_file"])
    #expect(problems[0].rule.contains("/nonexistent/ca.pem"))
  }
}
