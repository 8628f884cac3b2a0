import ArgumentParser
import Foundation

/// Colours for a terminal. Colour only repeats what words say.
struct Palette {
  /// What a text is about.
  enum Tint: Int {
    case bad = 31
    case good = 32
    case warning = 33
    case quiet = 2
    case strong = 1
  }

  /// Whether anything is coloured.
  let isOn: Bool

  init(isOn: Bool) { self.isOn = isOn }

  /// Colours for a terminal, unless its user wants none (no-color.org) or it is a dumb one.
  init(
    for output: FileDescriptor,
    isRefused: Bool = false,
    environment: [String: String] = ProcessInfo.processInfo.environment
  ) {
    isOn =
      output.isTerminal && !isRefused && environment["NO_COLOR", default: ""].isEmpty
      && environment["TERM"] != "dumb"
  }

  /// The text on one line, made harmless, in its colour.
  func paint(_ text: String, _ tint: Tint?) -> String {
    let harmless = text.onOneLine
    guard isOn, let tint, !harmless.isEmpty else { return harmless }
    return "\u{1B}[\(tint.rawValue)m\(harmless)\u{1B}[0m"
  }
}

/// The flag of every command that colours its output.
struct ColourOptions: ParsableArguments {
  @Flag(name: .customLong("no-color"), help: "Print no colours, on a terminal either.")
  var noColor = false

  /// The colours for standard output.
  var palette: Palette { Palette(for: .standardOutput, isRefused: noColor) }
}

extension Palette.Tint {
  /// The colour of a job's or a call's state.
  /// - Parameter isStuck: Whether a person has to act.
  init?(state: String, isStuck: Bool) {
    if isStuck {
      self = .bad
      return
    }
    switch state {
    case "completed", "running", "issued", "adopted": self = .good
    case "failed", "rejected": self = .bad
    case "ending", "in_doubt", "cancelled", "absent": self = .warning
    default: return nil
    }
  }

  /// The colour of a verdict.
  init(level: String) {
    switch level {
    case "well": self = .good
    case "waiting": self = .warning
    default: self = .bad
    }
  }
}
