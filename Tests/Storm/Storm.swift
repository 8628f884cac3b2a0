// storm: the real daemon in bad weather. Several `codemint run` provision jobs against a real Postgres
// with a standby and against the stand-in for the API, whose fault plan runs, while they are killed,
// suspended and told to stop, and the database is killed, promoted, filled up and thrown off. Then it
// becomes quiet, and the ledger is compared with what the stand-in really made.
//
// `Arena` is where it plays, `Cluster` the database, `Fleet` the daemons, `Producer` who wants codes,
// `BadDay` the API's misbehaviour, `Weather` what happens when, all drawn by one seed. `Quiet` waits
// for the end as an operator would, `Judge` compares, `Verdict` is what is printed.

import ArgumentParser
import Foundation

@main
struct Storm: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storm",
    abstract: "Plays the real daemon in bad weather, and compares its ledger with the truth.",
    discussion: """
      Ends with status 1 if a code was lost or made twice, a job got more than it asked for, or \
      something is left unfinished. The seed decides what happens when, not how fast: a storm can \
      be repeated, but never exactly.
      """,
    subcommands: [Recovery.self]
  )

  @Option(help: "What happens when; at random if not given.")
  var seed: UInt64?

  @Option(help: "How long the storm lasts, more or less: its events are spread over this time.")
  var minutes = 10.0

  @Option(help: "How many daemons run at any time.")
  var workers = 4

  @Option(help: "How often a daemon is killed with SIGKILL.")
  var kills = 100

  @Option(help: "How often the database server is stopped in the middle and started again.")
  var restarts = 20

  @Option(help: "How often the standby is promoted because the primary was killed.")
  var promotions = 3

  @Option(help: "How often the primary's disk is full for some seconds; needs --disks.")
  var diskFull = 3

  @Option(help: "How often a daemon's host loses the database or the API; needs --faketime.")
  var partitions = 0

  @Option(
    help: """
      Run every daemon on a host of its own, the last one with a wrong clock: the path of \
      libfaketime. scripts/hosts does this, in a network namespace that it makes.
      """
  )
  var faketime: String?

  @Flag(help: "Replicate asynchronously: each promotion loses the last commits.")
  var asynchronous = false

  @Option(help: "A directory with two small file systems, a and b, for the servers to fill up.")
  var disks: String?

  @Option(help: "Requests per second of the whole fleet.")
  var requestsPerSecond = 30

  @Option(help: "The binary; the one beside this program if not given.")
  var codemint: String?

  @Option(help: "Where the daemons' log goes.")
  var log: String?

  @Option(help: "Seconds that the fleet has, after the storm, to finish everything.")
  var patience = 420

  @Flag(help: "Print the ledger as JSON.")
  var json = false

  func validate() throws {
    guard minutes > 0, workers > 0, kills >= 0, restarts >= 0, promotions >= 0, diskFull >= 0,
      requestsPerSecond > 0
    else { throw ValidationError("numbers are positive") }
  }

  func run() async throws {
    let seed = seed ?? .random(in: 0...9_999_999)
    Console.say("storm, seed \(seed)")
    let verdict = try await Arena.play(self, seed: seed) { arena in
      try await arena.storm()
    }
    print(json ? try verdict.json : verdict.text)
    if !verdict.isClean { throw ExitCode(1) }
  }
}

/// What is said while it goes on.
enum Console {
  static func say(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
  }
}
