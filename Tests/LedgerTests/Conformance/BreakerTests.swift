import MemoryStore
import Provisioning
import Testing

@Suite("the breaker")
struct BreakerTests {
  /// A job of many calls for each of many rewards, since each doubt closes one.
  private static func insertMany(_ scene: Scene) async throws {
    for number in 1...20 { _ = try await scene.insert(50_000, of: Samples.reward(number)) }
  }

  /// Lets calls fail, one after another, until the breaker opens.
  private static func open(
    _ scene: Scene,
    with outcome: CallOutcome = .unknown(.timeout)
  ) async throws {
    for failures in 0..<Bounds.breakerFailures {
      let claimed = try await scene.claim()
      #expect(try await scene.ledger.facts().account.failures == failures)
      try await scene.settle(claimed, outcome)
      if failures < Bounds.breakerFailures - 1 { try await scene.ledger.pass(.seconds(4)) }
    }
  }

  @Test(
    "an API that cannot be reached pauses everybody, then opens the breaker",
    arguments: LedgerKind.allCases
  )
  func unreachable(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      _ = try await scene.insert(10)
      try await Self.open(scene, with: .unsent(.noConnection("refused")))
      let account = try await scene.ledger.facts().account
      #expect(account.pauseReason == .unreachable && account.breaker == .open)
    }
  }

  @Test(
    "calls that left before the last failure was known are the same failure",
    arguments: LedgerKind.allCases
  )
  func sameFailure(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await Self.insertMany(scene)
      var calls: [ClaimedCall] = []
      for _ in 0..<6 { calls.append(try await scene.claim()) }
      for claimed in calls {
        try await scene.ledger.pass(.seconds(20))
        try await scene.settle(claimed, .unknown(.timeout))
      }
      let account = try await scene.ledger.facts().account
      #expect(account.failures == 1 && account.breaker == nil)
    }
  }

  @Test(
    "calls that fail together pause no longer than one failure does",
    arguments: LedgerKind.allCases
  )
  func sharedPause(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await Self.insertMany(scene)
      var calls: [ClaimedCall] = []
      for _ in 0..<6 { calls.append(try await scene.claim()) }
      for claimed in calls {
        let unknown = CallOutcome.unknown(.timeout)
        try await scene.settle(scene.settlement(claimed, unknown, jitter: 0.75))
        // One second at most after the first failure.
        #expect(try await scene.ledger.facts().account.pausedUntil == startOfTime + 750_000)
      }
      #expect(try await scene.ledger.facts().account.failures == 1)
    }
  }

  @Test(
    "a straggler does not pause like an open breaker while the breaker is closed",
    arguments: LedgerKind.allCases
  )
  func straggler(kind: LedgerKind) async throws {
    let limits = Limits(
      requestsPerSecond: 10,
      burst: 1,
      maxInFlight: 100,
      maxInFlightPerReward: 100
    )
    try await Scene.lend(kind, limits: limits) { scene in
      try await Self.insertMany(scene)
      let first = try await scene.claim()
      try await scene.ledger.pass(.milliseconds(50))
      let straggler = try await scene.claim()
      try await scene.ledger.pass(.milliseconds(101))
      let second = try await scene.claim()
      try await scene.ledger.pass(.milliseconds(49))
      // The second call leaves after this failure is known, the straggler has left before.
      try await scene.settle(first, .unknown(.timeout))
      try await scene.ledger.pass(.milliseconds(100))
      try await scene.settle(second, .unknown(.timeout))
      try await scene.ledger.pass(.milliseconds(100))
      try await scene.settle(straggler, .unknown(.timeout))
      let account = try await scene.ledger.facts().account
      #expect(account.failures == 2 && account.breaker == nil)
      // Half of two seconds from now on, as after the second failure.
      #expect(account.pausedUntil == startOfTime + 1_400_000)
    }
  }

  @Test(
    "after a failure one call goes out at a time until one is clean",
    arguments: LedgerKind.allCases
  )
  func oneAtATime(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await Self.insertMany(scene)
      let doubtful = try await scene.claim()
      let slow = try await scene.claim()
      try await scene.settle(doubtful, .unknown(.timeout))
      try await scene.ledger.pass(.seconds(4))
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      try await scene.settle(slow, .unsent(.leaseLost))
      let alone = try await scene.claim()
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      try await scene.settle(alone, scene.answer(alone))
      _ = try await scene.claim()
      _ = try await scene.claim()
    }
  }

  @Test(
    "an open breaker sends nothing, and one worker asks with a harmless request",
    arguments: LedgerKind.allCases
  )
  func probes(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await Self.insertMany(scene)
      try await Self.open(scene)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      #expect(try await scene.ledger.store.reserveSlot() == nil)
      let heartbeat = try await scene.heartbeat()
      #expect(heartbeat.isAPIFailing && heartbeat.block?.code == "api_failing")
      #expect(heartbeat.block?.probeNow == false)
      let pause = try #require(heartbeat.next)
      #expect(pause >= .milliseconds(7500) && pause <= .seconds(15))
      try await scene.ledger.pass(pause)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      #expect(try await scene.heartbeat().block?.probeNow == true)
      #expect(try await scene.heartbeat(worker: Scene.otherWorker).block?.probeNow == false)
      let store = scene.ledger.store
      try await store.recordProbe(.unreachable("no"))
      try await scene.ledger.pass(.seconds(29))
      #expect(try await scene.heartbeat().block?.probeNow == false)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      try await scene.ledger.pass(.seconds(1))
      #expect(try await scene.heartbeat().block?.probeNow == true)
    }
  }

  @Test(
    "an answered probe lets one call go; if it fails the breaker opens again, for longer",
    arguments: LedgerKind.allCases
  )
  func trial(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await Self.insertMany(scene)
      try await Self.open(scene)
      var pauses: [Duration] = []
      for failures in Bounds.breakerFailures..<Bounds.breakerFailures + 8 {
        let pause = try #require(try await scene.heartbeat().next)
        pauses.append(pause)
        try await scene.ledger.pass(pause)
        #expect(try await scene.heartbeat().block?.probeNow == true)
        try await scene.ledger.store.recordProbe(.accepted)
        let heartbeat = try await scene.heartbeat()
        #expect(heartbeat.block == nil && heartbeat.isAPIFailing)
        let claimed = try await scene.claim()
        #expect(try await scene.ledger.facts().account.failures == failures)
        #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
        try await scene.settle(claimed, .unknown(.timeout))
      }
      for (index, pause) in pauses.enumerated() {
        let longest = Backoff.breaker.ceiling(failures: index + 1)
        // The lease of a call that is in flight never ends before the pause here.
        #expect(pause >= longest / 2 && pause <= longest)
      }
    }
  }

  @Test(
    "rule 17: a key that is refused for a list blocks the account until a probe accepts it",
    arguments: LedgerKind.allCases
  )
  func refusedForList(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      let store = scene.ledger.store
      _ = try await scene.insert(10)
      try await scene.heartbeat()
      // That somebody could not ask, or was accepted, says nothing about an account that is open.
      for answer in [TeamAnswer.unreachable("no"), .accepted] {
        try await store.recordProbe(answer)
      }
      #expect(try await scene.heartbeat().block == nil)
      try await store.recordProbe(.refused(code: "unauthorized", message: "no"))
      let block = try #require(try await scene.heartbeat().block)
      #expect(block.code == "unauthorized" && !block.probeNow)
      #expect(try await scene.ask() == .nothing(wait: nil, due: nil))
      try await scene.ledger.pass(.seconds(30))
      #expect(try await scene.heartbeat().block?.probeNow == true)
      try await store.recordProbe(.accepted)
      #expect(try await scene.heartbeat().block == nil)
      _ = try await scene.claim()
    }
  }

  @Test(
    "rule 12: no reward is taken to be listed while the breaker is open or the key refused",
    arguments: LedgerKind.allCases
  )
  func notListed(kind: LedgerKind) async throws {
    for isKey in [true, false] {
      try await Scene.lend(kind) { scene in
        let store = scene.ledger.store
        _ = try await scene.insert(10)
        let absent = try await scene.doubtfulCall()
        try await scene.decide(scene.doubt()) { $0.absent = [absent.call.id] }
        try await scene.ledger.pass(.seconds(60))
        try await scene.heartbeat()
        _ = try await scene.insert(10, of: Scene.otherReward, priority: 0)
        _ = try await scene.doubtfulCall()
        if isKey {
          let refused = try await scene.claim()
          try await scene.settle(refused, Scene.refusal(.credentials, 401))
        } else {
          try await Self.open(scene, with: .unsent(.noConnection("refused")))
        }
        #expect(try await scene.takeDoubt() == nil)
        #expect(try await store.takeWatch(Scene.worker, lease: .seconds(30)) == nil)
        try await store.recordProbe(.accepted)
        #expect(try await scene.doubt().reward == Scene.otherReward)
        #expect(try await scene.watch().reward == Scene.reward)
      }
    }
  }

  @Test("after an outage the fleet starts slowly", arguments: LedgerKind.allCases)
  func slowStart(kind: LedgerKind) async throws {
    let limits = Limits(
      requestsPerSecond: 10,
      burst: 5,
      maxInFlight: 100,
      maxInFlightPerReward: 100
    )
    try await Scene.lend(kind, limits: limits) { scene in
      try await Self.insertMany(scene)
      try await Self.open(scene)
      try await scene.ledger.pass(.seconds(600))
      try await scene.ledger.store.recordProbe(.accepted)
      let first = try await scene.claim()
      try await scene.settle(first, scene.answer(first))
      #expect(try await scene.heartbeat(limits: limits).isAPIFailing == false)
      let account = try await scene.ledger.facts().account
      #expect(account.breaker == nil && account.pace?.reason == .recovering)
      #expect(try await scene.claim().spacing == .milliseconds(1010))
      guard case .nothing(let wait?, _) = try await scene.ask() else {
        Issue.record("a burst after an outage")
        return
      }
      #expect(wait > .zero)
      try await scene.ledger.pass(.seconds(150))
      // A tenth, and half of what is configured.
      #expect(try await scene.claim().spacing == .microseconds(168_334))
      try await scene.ledger.pass(.seconds(150))
      #expect(try await scene.claim().spacing == .milliseconds(101))
    }
  }

  @Test(
    "a probe that refuses the key turns an outage into a block",
    arguments: LedgerKind.allCases
  )
  func refused(kind: LedgerKind) async throws {
    try await Scene.lend(kind) { scene in
      try await Self.insertMany(scene)
      try await Self.open(scene)
      let store = scene.ledger.store
      try await store.recordProbe(.refused(code: "no", message: "key"))
      let block = AccountBlock(code: "no", message: "key", probeNow: false)
      #expect(try await scene.heartbeat().block == block)
      try await store.recordProbe(.accepted)
      #expect(try await scene.heartbeat().block == nil)
      _ = try await scene.claim()
    }
  }
}
