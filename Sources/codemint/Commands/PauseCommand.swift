import ArgumentParser

/// `codemint pause`: lets jobs take no new call.
struct PauseCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Lets jobs take no new call until they are resumed.",
    discussion: """
      Calls that are claimed already are made, and their codes count. A job that has ended is \
      refused, with status 65.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.pause) }
}
