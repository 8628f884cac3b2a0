import Ledger
import Logging
import Postgres
import Provisioning
import ServiceLifecycle

/// Sends events to the webhooks of the settings. Any daemon of the fleet may: the ledger says who sends what.
struct Deliverer: Service {
  private let lanes: [DeliveryLane]
  private let webhooks: [NamedWebhook]
  private let pool: Pool
  private let deliveries: WebhookDeliveries

  /// How long messages that are under way may take when the daemon stops.
  private static let grace: Duration = .seconds(5)
  /// How often a daemon names its webhooks.
  private static let interval: Duration = .seconds(60)
  /// How long a daemon runs before it removes webhooks that nobody names: others may only be starting. One without
  /// webhooks has nothing else to do here.
  private static let patience: Duration = .seconds(3600)

  /// - Parameter pool: Connections of its own, so that no call waits for a webhook.
  init(
    _ senders: [WebhookSender],
    rules: DeliveryRules,
    poll: Duration,
    pool: Pool,
    logger: Logger
  ) {
    self.pool = pool
    let deliveries = WebhookDeliveries(pool: pool)
    self.deliveries = deliveries
    webhooks = senders.map(\.named)
    lanes = senders.map { DeliveryLane($0, deliveries, rules: rules, poll: poll, logger: logger) }
  }

  /// Whether there is anything to send at all.
  var isNeeded: Bool { !lanes.isEmpty }

  /// There are new events.
  func wake() {
    for lane in lanes { lane.wake() }
  }

  func run() async {
    await withTaskGroup { group in
      group.addTask { await cancelWhenGracefulShutdown { await keepNamed() } }
      for lane in lanes { group.addTask { await run(lane) } }
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
    var isNamed = !isNeeded
    while !Task.isCancelled {
      let forgets = ContinuousClock.now - start >= Self.patience
      if isNeeded || forgets { isNamed = await name(forgets: forgets) || isNamed }
      let pause = isNeeded ? (isNamed ? Self.interval : .seconds(1)) : Self.patience
      try? await Task.sleep(for: pause)
    }
  }

  /// Names the webhooks, and lets go what they did not take for too long. Returns whether that was done.
  private func name(forgets: Bool) async -> Bool {
    do throws(PostgresError) {
      try await deliveries.announce(webhooks, forgets: forgets)
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
