import ArgumentParser
import Testing

@testable import codemint

@Suite("--help")
struct HelpTests {
  /// All commands; those that only have others below them count for what is below.
  private static let commands: [any ParsableCommand.Type] = Codemint.configuration.subcommands
    .flatMap { command in
      let below = command.configuration.subcommands
      return below.isEmpty ? [command] : below
    }

  @Test("it names every exit status, and so does docs/commands.md")
  func statuses() throws {
    let help = Codemint.helpMessage(columns: 10_000)
    let document = try Repository.text("docs/commands.md")
    for status in ExitStatus.allCases {
      #expect(help.contains("\(status.rawValue) "), "\(status)")
      #expect(document.contains("\(status.rawValue) "), "\(status)")
    }
    #expect(help.contains("Exit statuses: 0 all went well"))
  }

  @Test("exit statuses are those of sysexits(3), and 1")
  func numbers() {
    #expect(ExitStatus.allCases.map(\.rawValue) == [0, 1, 64, 65, 69, 70, 74, 75, 77, 78])
  }

  @Test("every command with a result has --json; the others have no result, or another format")
  func json() {
    let others = ["run", "health", "watch", "export", "sandbox", "demo"]
    for command in Self.commands {
      let takesJSON = Codemint.helpMessage(for: command, columns: 100).contains("--json")
      let name = command.configuration.commandName ?? "?"
      #expect(takesJSON != others.contains(name), "\(name)")
    }
  }

  @Test("every command says in one sentence what it does, and then what to expect")
  func commands() {
    let commands = Self.commands
    #expect(commands.count >= 15)
    for command in commands {
      let help = Codemint.helpMessage(for: command, columns: 100)
      let configuration = command.configuration
      #expect(help.hasPrefix("OVERVIEW: \(configuration.abstract)"))
      #expect(configuration.abstract.hasSuffix(".") && configuration.discussion.count > 80)
      let usage = help.split(separator: "\n").first { $0.hasPrefix("USAGE: codemint ") }
      #expect(usage?.contains(" \(configuration.commandName ?? "?")") == true)
    }
  }
}
