import ArgumentParser
import Ledger
import Provisioning

/// `codemint priority`: changes the priority of jobs.
struct PriorityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "priority",
    abstract: "Changes the priority of jobs that have not ended.",
    discussion: """
      0 goes first, 9 goes last; jobs have 5 if nothing else was asked for. It takes effect with the next \
      claim. Of a job that has this priority already the command says that nothing was done; a job that has \
      ended is refused with status 65.
      """
  )

  @Argument(help: "The priority, 0 to 9.")
  var priority: Int32

  @OptionGroup var steering: SteeringOptions

  func run() async throws {
    try await steering.steer { queries, job in
      try await queries.prioritize(job, priority, note: steering.note)
    }
  }
}

/// `codemint purge`: removes jobs that have ended.
struct PurgeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "purge",
    abstract: "Removes jobs that have ended, with their calls and codes, for ever.",
    discussion: """
      There is no way back: of the codes only the bare ids stay, so that they are known if they turn up \
      again. A job that has not ended, or that has a call in doubt, is refused with status 65, and so is one \
      whose reward is closed or watched.
      """
  )

  @Flag(help: "Say that the codes may be lost for ever; without it nothing is done.")
  var forEver = false

  @OptionGroup var steering: SteeringOptions

  func validate() throws {
    guard forEver else { throw ValidationError("purge deletes codes: add --for-ever") }
  }

  func run() async throws {
    try await steering.steer { queries, job in
      try await queries.purge(job, note: steering.note)
    }
  }
}

/// What the commands share that do one thing to the ledger and say in a sentence what was done.
struct SentenceOptions: ParsableArguments {
  @Flag(help: "Print JSON.")
  var json = false

  @OptionGroup var options: SettingsOptions

  /// Does it and prints the sentence. Ends with 65 if it was refused.
  func say(_ act: (JobQueries) async throws -> String) async throws {
    let output = FileDescriptor.standardOutput
    do {
      let sentence = try await JobSession.run(try options.loadDatabase(), act)
      if json {
        try output.json(Outcome(done: true, outcome: sentence))
      } else {
        try output.line(sentence)
      }
    } catch let error as LedgerError where json {
      try output.json(Outcome(done: false, outcome: error.description))
      throw ExitCode(ExitStatus.data.rawValue)
    }
  }

  private struct Outcome: Encodable {
    let done: Bool
    let outcome: String
  }
}

/// `codemint limits`: shows or sets the limits of the whole fleet.
struct LimitsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "limits",
    abstract: "Shows the limits of all daemons, or sets them over the daemons' settings.",
    discussion: """
      Without an option it shows the limits in force. With options it sets limits; one that is not named goes back \
      to the settings, so that --reset takes all of them back. They are in force from the next sign of life of a \
      daemon on, within seconds.
      """
  )

  @Option(help: "Requests per second of the whole fleet, 0.001 to 10000.")
  var requestsPerSecond: Double?

  @Option(help: "Requests that may be sent at once after a quiet time, 1 to 1000.")
  var burst: Int32?

  @Option(help: "The most calls in flight at any moment, 1 to 1000.")
  var maxInFlight: Int32?

  @Option(help: "The most calls in flight for one reward, 1 to 1000.")
  var maxInFlightPerReward: Int32?

  @Flag(help: "Take all limits back to the settings.")
  var reset = false

  @OptionGroup var sentence: SentenceOptions

  private var names: Bool {
    requestsPerSecond != nil || burst != nil || maxInFlight != nil || maxInFlightPerReward != nil
  }

  func validate() throws {
    guard !(names && reset) else { throw ValidationError("name limits or --reset, not both") }
  }

  func run() async throws {
    try await sentence.say { queries in
      guard names || reset else { return try await queries.limits() }
      return try await queries.setLimits(
        requestsPerSecond: requestsPerSecond,
        burst: burst,
        maxInFlight: maxInFlight,
        maxInFlightPerReward: maxInFlightPerReward
      )
    }
  }
}

/// `codemint follow-sync`: tracks a reward again.
struct FollowSyncCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "follow-sync",
    abstract: "Tracks a reward again whose codes other systems have not taken.",
    discussion: """
      codemint gives a reward up after some attempts. Mend the cause in the other system first; \
      codemint.sync_problems has it. It is refused with status 65 if no code of the reward is pending or in \
      error.
      """
  )

  @Argument(help: "The reward's id, a UUID.")
  var reward: String

  @OptionGroup var sentence: SentenceOptions

  func run() async throws {
    let reward = try UniqueID(argument: reward, of: "reward").description
    try await sentence.say { try await $0.followSync(reward) }
  }
}

/// `codemint accept-cluster`: confirms that this database is the one to work on.
struct AcceptClusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "accept-cluster",
    abstract: "Confirms that this database is the one to work on, after a restore or a move.",
    discussion: """
      Only if no daemon works on another copy of this database: two that work on copies buy the same codes \
      twice, and neither ledger can know it. Every reward is then listed before anything more is asked of it.
      """
  )

  @Option(help: "The reason; it is kept in codemint.cluster_identity.")
  var note: String

  @OptionGroup var sentence: SentenceOptions

  func run() async throws {
    try await sentence.say { try await $0.acceptCluster(note: note) }
  }
}
