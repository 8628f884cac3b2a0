import Ledger
import Logging
import Postgres
import Provisioning
import ServiceLifecycle
import Synchronization

/// Sends events to the webhooks of the settings. Any daemon of the fleet may: the ledger says who sends what.
final class Deliverer: Service, Sendable {
  private let lanes = Mutex<[DeliveryLane]>([])
  private let pool: Pool
  private let deliveries: WebhookDeliveries
  private let poll: Duration
  private let logger: Logger
  private let (begun, beginning) = AsyncStream<DeliveryLane>.makeStream()
  private let (changes, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))

  /// How long messages that are under way may take when the daemon stops.
  private static let grace: Duration = .seconds(5)
  /// How often a daemon names its webhooks.
  private static let interval: Duration = .seconds(60)
  /// How long a daemon runs before it removes webhooks that nobody names: others may only be starting. One without
  /// webhooks has nothing else to do here.
  private static let patience: Duration = .seconds(3600)

  /// - Parameter pool: Connections of its own, so that no call waits for a webhook.
  init(poll: Duration, pool: Pool, logger: Logger) {
    self.poll = poll
    self.pool = pool
    self.logger = logger
    deliveries = WebhookDeliveries(pool: pool)
  }

  /// Sends to these webhooks from now on, and to no others. What is under way ends as it began.
  func deliver(to senders: [WebhookSender], rules: DeliveryRules) {
    let new = senders.map { DeliveryLane($0, deliveries, rules: rules, poll: poll, logger: logger) }
    let old = lanes.withLock { lanes in
      defer { lanes = new }
      return lanes
    }
    for lane in old { lane.stop() }
    for lane in new { beginning.yield(lane) }
    bell.yield()
  }

  /// There are new events.
  func wake() {
    for lane in lanes.withLock(\.self) { lane.wake() }
  }

  func run() async {
    await withDiscardingTaskGroup { group in
      group.addTask { await cancelWhenGracefulShutdown { await self.keepNamed() } }
      for await lane in begun.cancelOnGracefulShutdown() { group.addTask { await self.run(lane) } }
    }
    await pool.close()
  }

  /// Runs a lane. On shutdown it ends when nothing is under way, or after the time of grace: then claims run out,
  /// and somebody sends the events again.
  private func run(_ lane: DeliveryLane) async {
    await withTaskGroup { group in
      group.addTask {
        await withGracefulShutdownHandler {
          await lane.run()
        } onGracefulShutdown: {
          lane.stop()
        }
      }
      group.addTask {
        try? await gracefulShutdown()
        try? await Task.sleep(for: Self.grace)
      }
      await group.next()
      group.cancelAll()
    }
  }

  private func keepNamed() async {
    let start = ContinuousClock.now
    var changes = changes.makeAsyncIterator()
    while !Task.isCancelled {
      let lanes = lanes.withLock(\.self)
      let forgets = ContinuousClock.now - start >= Self.patience
      let isDone = lanes.isEmpty && !forgets ? true : await name(lanes, forgets: forgets)
      let pause = lanes.isEmpty ? Self.patience : isDone ? Self.interval : .seconds(1)
      let timer = Task { [bell] in
        try await Task.sleep(for: pause)
        bell.yield()
      }
      _ = await changes.next()
      timer.cancel()
    }
  }

  /// Names the webhooks, and lets go what they did not take for too long. Returns whether that was done.
  private func name(_ lanes: [DeliveryLane], forgets: Bool) async -> Bool {
    do throws(PostgresError) {
      try await deliveries.announce(lanes.map(\.webhook), forgets: forgets)
      for lane in lanes {
        try await lane.bury()
        lane.wake()
      }
      return true
    } catch {
      // The worker says what is wrong with the database, and the next round does it.
      return false
    }
  }
}
