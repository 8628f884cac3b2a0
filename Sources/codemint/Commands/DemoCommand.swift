import ArgumentParser
import Foundation
import ServiceLifecycle
import UnixSignals

/// `codemint demo`: everything at once, on this machine, leaving nothing behind.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Shows codemint at work: a private Postgres, a stand-in API, the daemon, some jobs.",
    discussion: """
      Needs the Postgres server's programs and nothing else. All of it is in a temporary directory \
      and on loopback ports, and is gone when the demo ends, however it ends.
      """
  )

  @Option(help: "Codes of the largest job, 1 to 1000000.")
  var codes = 25_000

  @Option(help: "Requests per second to the stand-in API.")
  var requestsPerSecond = 10.0

  @Flag(help: "Leave everything running at the end, until Ctrl-C, to look around with psql.")
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
