// The web surface: a status page, health checks and metrics, read-only, on `http.listen`.
//
// `WebRoutes` says what is answered where; `StatusBoard` asks the database for everybody who looks;
// Metrics/ holds the worker's counters and writes them as Prometheus reads them; Page/ is the page,
// embedded in the binary. It is a side of the daemon that may fail: whatever happens here, codes are
// provisioned.

import Hummingbird
import Ledger
import Logging
import Postgres
import ServiceLifecycle

/// Serves the web surface, and tries again where the address cannot be had.
struct WebService: Service {
  let host: String
  let port: Int
  let routes: WebRoutes
  /// Connections of the web surface's own, so that who looks takes none from the worker.
  let pool: Pool
  let logger: Logger

  func run() async throws {
    var quiet = logger
    quiet.logLevel = .error
    var isTold = false
    while !Task.isShuttingDownGracefully {
      do {
        try await serve(quiet)
        break
      } catch {
        if !isTold {
          logger.warning(
            "the web surface cannot be served; trying again from time to time",
            metadata: ["address": "\(host):\(port)", "error": "\(error)"]
          )
          isTold = true
        }
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: .seconds(30)) }
      }
    }
    await pool.close()
  }

  private func serve(_ quiet: Logger) async throws {
    let logger = logger
    try await Application(
      router: routes.router,
      configuration: .init(address: .hostname(host, port: port), serverName: "codemint"),
      onServerRunning: { channel in
        logger.info(
          "web surface",
          metadata: [
            "address":
              "\(host.contains(":") ? "[\(host)]" : host):\(channel.localAddress?.port ?? port)"
          ]
        )
      },
      logger: quiet
    ).run()
  }
}
