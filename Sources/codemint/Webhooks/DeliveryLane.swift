import Ledger
import Logging
import Postgres
import Provisioning
import Synchronization

/// Delivers events to one webhook. Each webhook has a lane of its own, so one that is slow keeps none waiting. At
/// most `mostInFlight` messages are under way, and no others are in memory.
final class DeliveryLane: Sendable {
  private let sender: WebhookSender
  private let deliveries: WebhookDeliveries
  private let rules: DeliveryRules
  /// The longest time between two looks at the ledger, for notifications that were lost.
  private let poll: Duration
  private let logger: Logger
  private let wakes: AsyncStream<Void>
  private let bell: AsyncStream<Void>.Continuation
  private let state = Mutex((inFlight: 0, lastProducer: "", isStopping: false))

  static let mostInFlight = 4

  /// How long nobody else sends what was claimed. A lookup of a name can take longer than the message may; what is
  /// late then is not sent.
  private var lease: Duration { sender.timeout * 2 + .seconds(5) }

  /// The webhook as the ledger knows it.
  var webhook: NamedWebhook { sender.named }

  private var name: String { sender.entry.name }

  init(
    _ sender: WebhookSender,
    _ deliveries: WebhookDeliveries,
    rules: DeliveryRules,
    poll: Duration,
    logger: Logger
  ) {
    self.sender = sender
    self.deliveries = deliveries
    self.rules = rules
    self.poll = poll
    var logger = logger
    logger[metadataKey: "webhook"] = "\(sender.entry.name)"
    self.logger = logger
    (wakes, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
  }

  /// There may be something to send.
  func wake() {
    bell.yield()
  }

  /// Lets the lane claim nothing more, and end when nothing is under way.
  func stop() {
    state.withLock { $0.isStopping = true }
    bell.yield()
  }

  /// Delivers until `stop`.
  func run() async {
    await withDiscardingTaskGroup { group in
      var wakes = wakes.makeAsyncIterator()
      while !Task.isCancelled, !state.withLock({ $0.isStopping }) {
        let wait = await fill(&group)
        let timer = Task { [bell] in
          try await Task.sleep(for: wait)
          bell.yield()
        }
        _ = await wakes.next()
        timer.cancel()
      }
    }
  }

  /// Claims as much as may be under way, and returns how long to wait for what comes then.
  private func fill(_ group: inout DiscardingTaskGroup) async -> Duration {
    let (free, last) = state.withLock { (Self.mostInFlight - $0.inFlight, $0.lastProducer) }
    guard free > 0 else { return poll }
    do throws(PostgresError) {
      try await deliveries.spread(to: name)
      let claimed = try await deliveries.claim(name, limit: free, lease: lease, after: last)
      state.withLock {
        $0.inFlight += claimed.count
        $0.lastProducer = claimed.last?.producer ?? last
      }
      for delivery in claimed {
        group.addTask {
          await self.deliver(delivery)
          self.state.withLock { $0.inFlight -= 1 }
          self.bell.yield()
        }
      }
      if claimed.count == free { return poll }
      return min(poll, try await deliveries.untilNext(name) ?? poll)
    } catch {
      // The worker says what is wrong with the database, and nothing is lost by doing it later.
      return poll
    }
  }

  private func deliver(_ delivery: ClaimedDelivery) async {
    let sent = await sender.send(delivery.body, id: delivery.messageID, attempt: delivery.attempt)
    var random = SystemRandomNumberGenerator()
    do throws(PostgresError) {
      let settled = try await deliveries.settle(
        delivery,
        of: name,
        sent.ending,
        pause: rules.pause(failures: delivery.attempt, asked: sent.asked, random: &random),
        rest: rules.pause(failures: delivery.failures + 1, asked: sent.asked, random: &random),
        asked: rules.bounded(sent.asked),
        patience: rules.patience
      )
      report(settled, delivery, sent.ending)
    } catch {
      // Its claim runs out, and it is sent again.
    }
  }

  /// The first failure of several is worth a line, and so is every dead letter.
  private func report(
    _ settled: SettledDelivery,
    _ delivery: ClaimedDelivery,
    _ ending: DeliveryEnding
  ) {
    let metadata: Logger.Metadata = [
      "event": "\(delivery.event)", "attempt": "\(delivery.attempt)",
      "error": "\(ending.error ?? "none")",
    ]
    switch settled {
    case .dead:
      logger.error("event not delivered, a dead letter", metadata: metadata)
    case .waiting where delivery.failures == 0:
      logger.warning("event not delivered, sent again later", metadata: metadata)
    case .delivered where delivery.failures > 0:
      logger.notice("webhook takes events again", metadata: ["event": "\(delivery.event)"])
    case .waiting, .delivered, .over:
      logger.debug("event sent", metadata: metadata)
    }
  }

  /// Makes dead letters of what the webhook did not take for too long.
  func bury() async throws(PostgresError) {
    let buried = try await deliveries.bury(name, patience: rules.patience)
    if buried > 0 {
      logger.error("events not delivered, dead letters", metadata: ["events": "\(buried)"])
    }
  }
}
