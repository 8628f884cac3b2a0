import Logging
import MemoryStore
import Provisioning
import Testing
import Worker

@Suite("what is logged of jobs")
struct JobLogTests {
  @Test("each end of a job has one line, whether its last answer came or was found by listing")
  func ends() throws {
    let script: @Sendable (Int, Call) -> ScriptedIssuer.Scene = { _, call in
      switch call.reward {
      case Samples.reward(2): .init(ending: .lost)
      case Samples.reward(3): .init(ending: .shown(4))
      case Samples.reward(4): .init(ending: .outcome(refusal(.request, 404)))
      default: .init()
      }
    }
    try Trial.run(.init(script: script)) { trial in
      trial.issuer.startListing()
      let whole = trial.insert(1200)
      let found = trial.insert(70, of: 2)
      let short = trial.insert(5, of: 3)
      let refused = trial.insert(5, of: 4)
      trial.worker.wake()
      try await trial.until { $0.jobs.values.allSatisfy { $0.finishedAt != nil } }
      await trial.time.pass(.seconds(1))
      let all = trial.log.lines("job changed state")
      let started = all.filter { $0.metadata.contains("running") }
      #expect(started.count == 4)
      let lines = all.filter { !$0.metadata.contains("running") }
      #expect(lines.count == 4)
      let ends = [
        (whole, "completed"), (found, "completed"), (short, "completed"), (refused, "failed"),
      ]
      for (id, state) in ends {
        let own = lines.filter { $0.metadata.contains("\"job\": \(id)") }
        #expect(own.count == 1 && own[0].metadata.contains(state), "\(lines)")
        #expect(own.first?.level == (state == "failed" ? .warning : .info))
      }
      #expect(lines.contains { $0.metadata.contains("c404") })
    }
  }

  @Test("what an operator does has a line, with who did it")
  func steered() throws {
    try Trial.run { trial in
      let id = trial.insert(10, delay: .seconds(3600))
      trial.memory.change { ledger, now in
        _ = ledger.pause(id, now: now)
        _ = ledger.cancel(id, note: "why", now: now)
      }
      trial.worker.heartbeat()
      try await trial.until { $0.untoldActions.isEmpty }
      await trial.time.pass(.seconds(20))
      let steered = trial.log.lines("job steered")
      #expect(steered.count == 1 && steered[0].metadata.contains("pause"))
      let changed = trial.log.lines("job changed state")
      #expect(changed.count == 1 && changed[0].metadata.contains("cancelled"))
      for line in steered + changed {
        #expect(line.metadata.contains("\"by\": somebody") && !line.metadata.contains("why"))
      }
    }
  }
}
