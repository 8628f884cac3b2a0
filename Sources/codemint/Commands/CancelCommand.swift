import ArgumentParser

/// `codemint cancel`: stops jobs for good.
struct CancelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Stops jobs for good; codes already issued stay.",
    discussion: """
      Calls that are claimed already are made, and their codes count: until then the job is ending. \
      A job that has ended otherwise is refused, with status 65; the others are cancelled all the same.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.cancel) }
}
