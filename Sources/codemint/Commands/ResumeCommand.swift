import ArgumentParser

/// `codemint resume`: lets paused jobs go on.
struct ResumeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Lets paused jobs go on.",
    discussion: """
      A job that is not paused is left as it is. One that is held stays so: see codemint resolve and \
      codemint retry.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.resume) }
}
