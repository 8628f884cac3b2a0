import Foundation
import Glibc
import Ledger
import Logging
import OneOfNone
import Postgres
import Provisioning
import ServiceLifecycle
import Worker

/// The daemon: everything that `codemint run` runs, built from the settings.
struct Daemon {
  private let worker: Worker
  private let pool: Pool
  private let vitalPool: Pool
  private let client: APIClient
  private let logger: Logger
  private let workerService: WorkerService
  private let wakeService: WakeService
  private let documentsWatch: DocumentsWatch
  private let housekeeper: Housekeeper
  private let deliverer: Deliverer
  private let webService: WebService?

  /// Builds the daemon without connecting to anything.
  ///
  /// - Throws: `SettingsError` that names the setting that another module refuses.
  init(_ settings: Settings, environment: [String: String], logger: Logger) throws {
    // Everything that can throw comes first, because a client must be shut down once it is made.
    let connection = try settings.connectionSettings()
    let listening = try settings.listenSettings()
    let limits = ConnectionLimits(descriptors: DescriptorLimit.raise())
    let senders = try settings.webhookSenders()
    let watch = ProgressWatch(ServiceManager(environment: environment), logger: logger)
    pool = Pool(connection, limit: Self.mostSettlers + 2)
    vitalPool = Pool(connection, limit: 2)
    self.logger = logger
    var random = SystemRandomNumberGenerator()
    let health = Health()
    let registry = MetricsRegistry()
    let documents = DocumentsWatch(
      registry,
      APIFactQueries(pool: pool),
      api: settings.api.identity,
      logger
    )
    client = APIClient(
      try settings.apiConfiguration(),
      onDifference: { documents.notice($0) },
      onStandIn: { documents.noticeStandIn() }
    )
    documentsWatch = documents
    housekeeper = Housekeeper(
      Housekeeping(pool: pool),
      keeping: settings.callRetention,
      logger: logger
    )
    let deliverer = Deliverer(
      poll: settings.poll,
      pool: Pool(connection, limit: 2),
      logger: logger
    )
    settings.warnOfUnusedSecrets(logger)
    deliverer.deliver(to: senders, rules: settings.webhooks.rules)
    self.deliverer = deliverer
    worker = Worker(
      configuration: settings.workerConfiguration(
        id: WorkerID(UniqueID(random: &random)),
        host: Self.hostName,
        progressInterval: watch.progressInterval
      ),
      store: PostgresStore(pool: pool, vitalPool: vitalPool, api: settings.api.identity),
      issuer: client,
      clock: SystemClock(),
      random: random,
      logger: logger,
      meters: WorkerMeters(registry),
      onProgress: {
        watch.progress()
        health.progress()
      }
    )
    workerService = WorkerService(
      worker: worker,
      gate: DatabaseGate(pool: pool, watch: watch, logger: logger),
      watch: watch,
      health: health,
      logger: logger,
      drainLimit: settings.api.timeout + .seconds(5)
    )
    wakeService = WakeService(
      listening,
      from: settings.database.listenURL == nil ? .databaseURL : .databaseListenURL,
      pool: pool,
      worker: worker,
      deliverer: deliverer,
      housekeeper: housekeeper,
      logger: logger
    )
    webService = Self.web(
      settings,
      connection,
      limits,
      health,
      registry,
      worker,
      logger
    )
  }

  private static func web(
    _ settings: Settings,
    _ connection: ConnectionSettings,
    _ limits: ConnectionLimits,
    _ health: Health,
    _ registry: MetricsRegistry,
    _ worker: Worker,
    _ logger: Logger
  ) -> WebService? {
    guard case .address(let host, let port) = settings.listen else { return nil }
    let pool = Pool(connection, limit: 1)
    let queries = OverviewQueries(pool: pool)
    return WebService(
      host: host,
      port: port,
      routes: WebRoutes(
        host: host,
        api: URL(string: settings.api.baseURL)?.host() ?? "unknown",
        health: health,
        registry: registry,
        queries: queries,
        trouble: { worker.trouble }
      ),
      limits: limits,
      pool: pool,
      logger: logger
    )
  }

  /// The services for a `ServiceGroup`. The worker comes last, so that it drains first.
  var services: [any Service] {
    (webService.map { [$0] } ?? []) + [
      documentsWatch, housekeeper, deliverer, wakeService, workerService,
    ]
  }

  /// The service that ends the process at once on a second signal. It must be the first of its group.
  var secondSignal: any Service { SecondSignalService(worker: worker, logger: logger) }

  /// The service that applies changed settings on SIGHUP.
  func reload(to sink: LogSink, load: @escaping @Sendable () throws -> Settings) -> any Service {
    ReloadService(worker: worker, deliverer: deliverer, logger: logger, sink: sink, load: load)
  }

  /// Closes all connections. Call it after the services have ended.
  func close() async {
    await client.shutdown()
    await pool.close()
    await vitalPool.close()
  }

  /// The most connections for settling. They are opened when needed, and calls in flight share them.
  private static let mostSettlers = 8

  private static var hostName: String {
    var name = [CChar](repeating: 0, count: 256)
    guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// The machine's monotonic clock. On Linux `ContinuousClock` is CLOCK_BOOTTIME, which also counts the
/// time during a suspension, as a lease does.
struct SystemClock: WorkerClock {
  private let start = ContinuousClock.now

  var now: Instant {
    Instant(nanoseconds: (ContinuousClock.now - start).nanoseconds)
  }

  func sleep(until instant: Instant) async throws(CancellationError) {
    do {
      try await ContinuousClock().sleep(until: start + .nanoseconds(instant.nanoseconds))
    } catch {
      throw CancellationError()
    }
  }
}
