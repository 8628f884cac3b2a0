import ArgumentParser
import AsyncHTTPClient

/// `codemint health`: asks the daemon beside it whether it works, for a container's health check.
struct HealthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health",
    abstract: "Asks the daemon on this machine whether it hangs, for a container's health check.",
    discussion: """
      It asks GET /healthz at the address http.listen of the settings, and prints the answer. It ends with \
      status 0 if the daemon is healthy, and with 1 if the daemon hangs or does not answer within five \
      seconds. A daemon that waits for its database is healthy, because a restart would not help. With \
      --ready it asks GET /readyz, which fails while the daemon cannot work, and says why.
      """
  )

  @Flag(help: "Ask whether the daemon can work, not only whether it hangs.")
  var ready = false

  @OptionGroup var options: SettingsOptions

  func run() async throws {
    let settings = try options.load()
    guard let address = settings.listen.fromHere else {
      throw settings.refusal(of: .httpListen, because: "it is empty, so there is nobody to ask")
    }
    let (isWell, words) = await answer(of: "http://\(address)/\(ready ? "readyz" : "healthz")")
    try FileDescriptor.standardOutput.line(words.onOneLine)
    guard isWell else { throw ExitCode(ExitStatus.failed.rawValue) }
  }

  private func answer(of url: String) async -> (isWell: Bool, words: String) {
    do {
      let answer = try await HTTPClient.shared.execute(
        HTTPClientRequest(url: url),
        timeout: .seconds(5)
      )
      let body = try await answer.body.collect(upTo: 1 << 16)
      return (answer.status == .ok, String(buffer: body))
    } catch {
      return (false, "\(url) does not answer: \(error)")
    }
  }
}

extension ListenAddress {
  /// Where a client on this machine finds the server; nil if there is none.
  var fromHere: ListenAddress? {
    switch self {
    case .off: nil
    case .address("0.0.0.0", let port): .address(host: "127.0.0.1", port: port)
    case .address("::", let port): .address(host: "::1", port: port)
    case .address: self
    }
  }
}
