import ArgumentParser
import Foundation
import ServiceLifecycle
import UnixSignals

/// `codemint demo`: runs everything on this machine and leaves nothing behind.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Shows codemint at work: a private Postgres, a simulated API, the daemon, some jobs.",
    discussion: """
      It needs the programs of the Postgres server and nothing else. It uses a temporary directory and \
      loopback ports, and leaves nothing behind, however it ends.
      """
  )

  @Option(help: "The number of codes of the largest job, 1 to 1000000.")
  var codes = 25_000

  @Option(help: "Requests per second to the simulated API.")
  var requestsPerSecond = 10.0

  @Flag(help: "Keep everything running after the jobs until Ctrl-C, to look around with psql.")
  var keep = false

  func validate() throws {
    guard Demo.codes.contains(codes) else {
      throw ValidationError("--codes must be from 1 to 1000000")
    }
    guard Demo.pace.contains(requestsPerSecond) else {
      throw ValidationError("--requests-per-second must be from 0.1 to 1000")
    }
  }

  func run() async throws {
    let output = FileDescriptor.standardOutput
    let demo = try await Demo.prepare(
      codes: codes,
      requestsPerSecond: requestsPerSecond,
      keep: keep,
      output: output
    )
    do {
      try await ServiceGroup(
        configuration: ServiceGroupConfiguration(
          services: demo.services.map {
            .init(service: $0, successTerminationBehavior: .gracefullyShutdownGroup)
          },
          gracefulShutdownSignals: [.sigterm, .sigint],
          logger: Settings.quietLogger
        )
      ).run()
    } catch {
      await demo.close()
      throw error
    }
    await demo.close()
  }
}
