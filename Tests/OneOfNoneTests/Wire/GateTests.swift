import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

@Suite("The gate in the request's body")
struct GateTests {
  @Test("rule 3: after a lost lease at most the head is sent, and no byte of the body")
  func leaseLost() async throws {
    let asked = Mutex(0)
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.created) }
    } _: { client in
      let report = await client.generate(Sample.call()) {
        asked.withLock { $0 += 1 }
        return false
      }
      #expect(report.outcome == .unsent(.leaseLost))
    }
    #expect(wire.posts <= 1)
    #expect(wire.bodies.isEmpty)
    #expect(wire.partialBodyBytes == 0)
    #expect(asked.withLock { $0 } == 1)
  }

  @Test("after a lost lease the next call uses another connection and is issued")
  func afterLostLease() async throws {
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.created) }
    } _: { client in
      for _ in 0..<20 {
        let report = await client.generate(Sample.call()) { false }
        #expect(report.outcome == .unsent(.leaseLost))
        #expect(await client.generate().outcome.isIssued)
      }
    }
    #expect(wire.bodies.count == 20)
    #expect(wire.partialBodyBytes == 0)
  }

  @Test("a call cancelled before it began is withdrawn")
  func cancelledBefore() async throws {
    let wire = try await trial { peer, moment in
      if case .body = moment { peer.send(Sample.created) }
    } _: { client in
      let task = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return await client.generate()
      }
      #expect(await task.value.outcome == .unsent(.draining))
    }
    #expect(wire.bodies.isEmpty)
    #expect(wire.partialBodyBytes == 0)
  }

  @Test("a call cancelled after its body was sent is awaited and issued")
  func cancelledAfter() async throws {
    let task = Mutex<Task<CallReport, Never>?>(nil)
    let wire = try await trial { peer, moment in
      guard case .body = moment else { return }
      task.withLock { $0?.cancel() }
      peer.send(Sample.created)
    } _: { client in
      let work = task.withLock { task in
        let work = Task { await client.generate() }
        task = work
        return work
      }
      #expect(await work.value.outcome.isIssued)
    }
    #expect(wire.bodies.count == 1)
  }

  @Test("the gate opens once")
  func once() {
    let gate = BodyGate { true }
    #expect(gate.open())
    #expect(!gate.open())
    #expect(!gate.withdraw())
    #expect(gate.close() == .handedOver)
  }

  @Test("a closed or withdrawn gate does not open, and does not ask")
  func closed() {
    let asked = Mutex(0)
    let ask: @Sendable () -> Bool = {
      asked.withLock { $0 += 1 }
      return true
    }
    let closed = BodyGate(mayStillSend: ask)
    #expect(closed.close() == .neverAsked)
    #expect(!closed.open())
    let withdrawn = BodyGate(mayStillSend: ask)
    #expect(withdrawn.withdraw())
    #expect(!withdrawn.open())
    #expect(withdrawn.close() == .withdrawn)
    #expect(asked.withLock { $0 } == 0)
  }

  @Test("a lost lease stays lost")
  func leaseStaysLost() {
    let gate = BodyGate { false }
    #expect(!gate.open())
    #expect(!gate.open())
    #expect(gate.withdraw())
    #expect(gate.close() == .leaseLost)
  }

  @Test("if a gate is opened and withdrawn at once, exactly one succeeds")
  func race() async {
    for _ in 0..<200 {
      let gate = BodyGate { true }
      async let opened = Task.detached { gate.open() }.value
      async let withdrawn = Task.detached { gate.withdraw() }.value
      let both = await (opened, withdrawn)
      #expect(both.0 != both.1)
    }
  }
}
