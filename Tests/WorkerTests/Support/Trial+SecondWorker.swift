import MemoryStore
import Provisioning
import Worker

extension Trial {
  /// Lets a second worker run at the same ledger and API while `body` does something.
  func withSecondWorker(_ body: () async throws -> Void) async throws {
    let second = Worker(
      configuration: WorkerConfiguration(
        id: Samples.worker(2),
        host: "other",
        process: 2,
        version: "0.0.0",
        limits: Limits(requestsPerSecond: 100, burst: 1, maxInFlight: 4, maxInFlightPerReward: 2),
        lease: .seconds(15),
        poll: .seconds(5),
        apiTimeout: .seconds(30),
        settle: .seconds(10)
      ),
      store: store,
      issuer: issuer,
      clock: time,
      random: SeededRandom(seed: 99),
      logger: log.logger
    )
    async let running: Void = second.run()
    do {
      try await body()
    } catch {
      second.drain()
      await running
      throw error
    }
    second.drain()
    await running
  }
}
