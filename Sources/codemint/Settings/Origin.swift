/// Where a value came from, for messages.
enum Origin: Sendable, Equatable, CustomStringConvertible {
  /// A flag of the command, such as `--burst`.
  case flag(String)
  /// The environment.
  case environment(name: String)
  /// A file that systemd put into `$CREDENTIALS_DIRECTORY`.
  case credential(file: String)
  /// The YAML file.
  case file(String, line: Int?)
  /// Nobody set it.
  case standard

  var description: String {
    switch self {
    case .flag(let name): "the flag \(name)"
    case .environment(let name): "\(name) in the environment"
    case .credential(let file): "the credential \(file)"
    case .file(let path, let line?): "\(path), line \(line)"
    case .file(let path, nil): path
    case .standard: "the default"
    }
  }
}
