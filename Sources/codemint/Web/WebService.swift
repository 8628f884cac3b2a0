// The web server: a status page, health checks and metrics on `http.listen`, all read-only.
//
// `WebRoutes` has the answer for each path. `StatusBoard` asks the database, once for all who ask at the
// same time. `ConnectionLimits` bounds what others can take of the process. Metrics/ keeps the worker's
// counters and writes them in the format of Prometheus. Page/ is the
// page, embedded in the binary. A failure of the web server never stops the provisioning of codes.

import Hummingbird
import Ledger
import Logging
import Postgres
import ServiceLifecycle

/// Runs the web server. If it cannot listen on its address, it tries again every 30 seconds.
struct WebService: Service {
  let host: String
  let port: Int
  let routes: WebRoutes
  let limits: ConnectionLimits
  /// The web server's own connections, so that its readers take none from the worker.
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
            "the web server cannot listen; trying again every 30 seconds",
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
    let (logger, limits) = (logger, limits)
    try await Application(
      router: routes.router,
      server: .http1(
        configuration: .init(
          additionalChannelHandlers: [ConnectionGuard(limits)],
          idleTimeout: ConnectionGuard.longestIdle
        )
      ),
      configuration: .init(address: .hostname(host, port: port), serverName: "codemint"),
      onServerRunning: { channel in
        logger.info(
          "web server listens",
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
