import CoreMetrics
import Ledger
import Logging
import OneOfNone
import Postgres
import Provisioning
import ServiceLifecycle
import Synchronization

/// Counts, logs and records how answers differ from the API's documents, and records that they say that they are a
/// stand-in's. Nothing else follows from either, and no answer waits for this: what comes faster than it can be
/// recorded is only counted.
final class DocumentsWatch: Service {
  private let registry: any MetricsFactory
  private let facts: APIFactQueries
  private let logger: Logger
  /// When each difference was last handed on, so that one in every answer costs one statement in a while.
  private let seen = Mutex<[ContractDifference: Instant]>([:])
  private let clock = SystemClock()
  private let notices: AsyncStream<Notice>
  private let sink: AsyncStream<Notice>.Continuation
  private let api: String
  private let isKnownStandIn = Atomic(false)

  private enum Notice { case difference(ContractDifference), standIn }

  static let metric = "codemint_api_differences_total"
  private static let interval: Duration = .seconds(600)
  private static let retry: Duration = .seconds(5)
  /// Names of unknown fields are the API's own, so their number has no other bound.
  private static let mostDifferences = 1000

  /// - Parameter api: The base URL of the API, as the ledger knows it.
  init(_ registry: any MetricsFactory, _ facts: APIFactQueries, api: String, _ logger: Logger) {
    self.registry = registry
    self.facts = facts
    self.api = api
    self.logger = logger
    (notices, sink) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(100))
    // Each request has a counter from the beginning, at zero, so that the metric is there.
    for request in ContractDifference.requests { _ = counter(request, .unreadable, "") }
  }

  private func counter(_ request: String, _ kind: ContractDifference.Kind, _ place: String)
    -> Counter
  {
    Counter(
      label: Self.metric,
      dimensions: [("request", request), ("kind", kind.rawValue), ("place", place)],
      factory: registry
    )
  }

  /// An answer differed in these ways.
  func notice(_ differences: Set<ContractDifference>) {
    for difference in differences {
      counter(difference.request, difference.kind, difference.place).increment()
      if !difference.isExpected, isDue(difference) { hand(.difference(difference)) }
    }
  }

  /// An answer said that it is a stand-in's. One is recorded.
  func noticeStandIn() {
    if !isKnownStandIn.exchange(true, ordering: .relaxed) { hand(.standIn) }
  }

  private func hand(_ notice: Notice) {
    if case .dropped(.standIn) = sink.yield(notice) {
      isKnownStandIn.store(false, ordering: .relaxed)
    }
  }

  private func isDue(_ difference: ContractDifference) -> Bool {
    seen.withLock { seen in
      let now = clock.now
      if let last = seen[difference], now - last < Self.interval { return false }
      guard seen[difference] != nil || seen.count < Self.mostDifferences else { return false }
      if seen[difference] == nil {
        logger.warning(
          "the API's answers differ from its documents",
          metadata: ["difference": "\(difference)"]
        )
      }
      seen[difference] = now
      return true
    }
  }

  func run() async {
    await cancelWhenGracefulShutdown { [self] in
      for await notice in notices {
        switch notice {
        case .difference(let difference): await record(difference)
        case .standIn: await recordStandIn()
        }
      }
    }
  }

  private func recordStandIn() async {
    do throws(PostgresError) {
      try await facts.record(standIn: api)
    } catch {
      await handAgain(.standIn)
    }
  }

  private func record(_ difference: ContractDifference) async {
    do throws(PostgresError) {
      try await facts.record(
        differenceAt: "\(difference.request) \(difference.place)",
        difference.description
      )
    } catch {
      await handAgain(.difference(difference))
    }
  }

  /// The database did not take it; the worker says what is wrong with it. No other answer may show it again.
  private func handAgain(_ notice: Notice) async {
    try? await Task.sleep(for: Self.retry)
    hand(notice)
  }
}
