import MemoryStore
import Provisioning

/// What a database can lose, and what nobody knows any more then.
extension Stage {
  /// The database fails over to a standby that lacks the commits of this time, while workers live.
  func failOver(losing time: Duration) {
    let then = world.now - time.nanoseconds
    guard let old = commits.last(where: { $0.time <= then })?.ledger else { return }
    world.note("the database fails over and loses \(time.milliseconds) ms")
    tally.failovers += 1
    lostSince = min(lostSince, then)
    changeServer()
    store.change { ledger, now in
      ledger = old
      ledger.locked = LockedRows()
      ledger.failOver(now: now)
    }
    isDatabaseDown = true
    world.at(world.now + Duration.seconds(2).nanoseconds) { [self] in isDatabaseDown = false }
    forgetLost()
  }

  /// The ledger is restored from a dump of this ledger, and a person accepts it. No worker lives.
  func restore(_ dump: MemoryLedger, dumpedAt time: Int64) {
    world.note("the ledger is restored from a dump, and accepted")
    tally.restores += 1
    lostSince = min(lostSince, time)
    changeServer()
    store.change { ledger, now in
      ledger = dump
      ledger.locked = LockedRows()
      ledger.acceptRestored(now: now)
    }
    forgetLost()
  }

  /// The database is on another server from now on, whose clock is another one.
  private func changeServer() {
    let far = chaos.otherClock
    guard far > .zero else { return }
    let time = world.draw(.zero - far...far)
    world.note("its clock is \(time / 1_000_000) ms ahead of the one before")
    databaseClock.step(time)
  }

  /// What the ledger does not know any more is not known.
  private func forgetLost() {
    let ledger = store.ledger
    history = History()
    counted = [:]
    literal = []
    undecided = [:]
    commits = []
    unaccounted = [:]
    for made in api?.all.values.map({ $0 }) ?? [] {
      if let call = made.call.flatMap({ sent[$0] }) {
        unaccounted[made.code.id] = call
        restored.insert(call.reward)
      }
    }
    for (id, call) in sent where ledger.calls[id] == nil {
      restored.insert(call.reward)
      if senders[id]?.state == .dead { orphaned.insert(call.reward) }
    }
    for id in ledger.rewards.keys { restored.insert(id) }
  }
}
