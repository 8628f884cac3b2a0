import ArgumentParser

/// `codemint retry`: opens failed or cancelled jobs again.
struct RetryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Opens failed or cancelled jobs again, for the codes that they lack.",
    discussion: """
      Codes that are a job's surplus are taken first; only the rest is asked for. A job that is held \
      because its reward was refused goes on too; one that is held for a doubtful call needs \
      codemint resolve first.
      """
  )

  @OptionGroup var steering: SteeringOptions

  func run() async throws { try await steering.steer(.retry) }
}
