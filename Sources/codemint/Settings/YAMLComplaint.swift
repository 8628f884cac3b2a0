import Yams

/// What is wrong with a text that is not YAML, without the excerpt that the parser would show: it
/// may hold a password.
enum YAMLComplaint {
  static func reason(_ error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, _, _), .parser(_, let problem, _, _),
      .composer(_, let problem, _, _):
      "this is not YAML: \(problem)"
    case .reader(let problem, _, _, _):
      "this is not YAML: \(problem)"
    case .duplicatedKeysInMapping(let keys, _):
      "stands here more than once: \(keys.joined(separator: ", "))"
    case .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded, nil:
      "this is not YAML"
    }
  }

  static func line(_ error: any Error) -> Int? {
    switch error as? YamlError {
    case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
      mark.line
    case .duplicatedKeysInMapping(_, let context):
      context.mark.line
    case .reader, .no, .memory, .writer, .emitter, .representer, .dataCouldNotBeDecoded, nil:
      nil
    }
  }
}
