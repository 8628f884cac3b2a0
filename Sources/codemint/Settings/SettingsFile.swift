import Configuration
import Yams

/// The YAML file: the settings that it gives, and its problems.
struct SettingsFile {
  /// The file to read if none is named. It need not exist.
  static let standardPath = "/etc/codemint/codemint.yaml"

  /// The file's settings; empty if there is no file, or if it has only comments.
  private(set) var source = SettingSource(texts: [:])
  /// Lists, as YAML.
  private var lists: [Setting: String] = [:]
  /// The problems of the file.
  private(set) var problems: [SettingsError.Problem] = []
  let path: String
  /// Whether the file could be read and parsed; single settings may be wrong.
  var isRead: Bool { !isUnreadable && !problems.contains { $0.name == path } }
  /// Whether what is wrong with a setting keeps all from being read.
  private var isUnreadable = false

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - named: What named this file; nil for the standard file, which may be missing.
  init(_ path: String, named: Origin?) {
    self.path = path
    do throws(FileReading.Failure) {
      let bytes = try FileReading.bytes(path)
      read(bytes)
    } catch {
      switch error {
      case .missing:
        guard let named else { return }
        let rule = "this settings file does not exist"
        problems.append(.init(name: path, origin: named, rule: rule))
      case .unreadable(let reason):
        let rule = "this settings file cannot be read: \(reason)"
        problems.append(.init(name: path, origin: named ?? .file(path, line: nil), rule: rule))
      }
    }
  }

  private mutating func read(_ bytes: [UInt8]) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      note(path, nil, "the file is not UTF-8")
      return
    }
    let root: Node?
    do {
      root = try Parser(yaml: text).singleRoot()
    } catch {
      note(path, YAMLComplaint.line(error), YAMLComplaint.reason(error))
      return
    }
    // A file that has only comments has no root or an empty root.
    guard let root, root.null == nil else { return }
    guard let sections = root.mapping else {
      note(path, root.mark?.line, "must have sections, such as \"limits:\", with settings in them")
      return
    }
    var lines: [Setting: Int?] = [:]
    for (key, value) in sections { visit(key, value, under: [], &lines) }
    let plain = lists.isEmpty ? bytes : Array(Self.withoutLists(root).utf8)
    guard
      let snapshot = try? YAMLSnapshot(
        data: plain.span.bytes,
        providerName: path,
        parsingOptions: .init(secretsSpecifier: .all)
      )
    else {
      isUnreadable = true
      // Lists of lists and keys that are not texts have been noted as unknown above.
      if problems.isEmpty { note(path, nil, "the file contains something that is not a setting") }
      return
    }
    source = SettingSource(file: snapshot, path: path, lines: lines, lists: lists)
  }

  /// The file without lists: the library reads no list of mappings.
  private static func withoutLists(_ root: Node) -> String {
    var root = root
    if root["webhooks"]?.mapping != nil { root["webhooks"]?.mapping?["receivers"] = nil }
    return (try? Yams.serialize(node: root)) ?? ""
  }

  private mutating func visit(
    _ key: Node,
    _ value: Node,
    under parents: [String],
    _ lines: inout [Setting: Int?]
  ) {
    let line = key.mark?.line
    guard let word = key.string else {
      note(parents.joined(separator: "."), line, "has a key that is not a text")
      return
    }
    let keys = parents + [word]
    let name = keys.joined(separator: ".")
    if let setting = Setting(rawValue: name) {
      check(setting, value, line, &lines)
    } else if Setting.allCases.contains(where: { $0.path.starts(with: keys) }) {
      if let mapping = value.mapping {
        for (key, value) in mapping { visit(key, value, under: keys, &lines) }
      } else if value.null == nil {
        note(name, line, "is a section; each of its settings needs a line below it")
      }
    } else {
      let hint = Spelling.hint(for: name, among: Setting.allCases.map(\.rawValue))
      let shown =
        hint.isEmpty ? (parents + [YAMLComplaint.shown(word)]).joined(separator: ".") : name
      let names = hint.isEmpty ? "; those here are \(names(under: parents))" : ""
      note(shown, line, "there is no such setting" + hint + names)
    }
  }

  /// The settings of a section, or the sections, for a message.
  private func names(under parents: [String]) -> String {
    var names: [String] = []
    for setting in Setting.allCases where setting.path.starts(with: parents) {
      let name = setting.path[parents.count]
      if !names.contains(name) { names.append(name) }
    }
    return names.joined(separator: ", ")
  }

  private mutating func check(
    _ setting: Setting,
    _ value: Node,
    _ line: Int?,
    _ lines: inout [Setting: Int?]
  ) {
    if setting.isNeverInFile, let credential = setting.credentialName {
      note(
        setting.rawValue,
        line,
        """
        this secret must not be in this file; put it into the file /etc/codemint/\(credential), which \
        systemd passes on as the credential \(credential), or into \(setting.environmentName)
        """
      )
    } else if case .webhooks = setting.kind, value.sequence != nil {
      lists[setting] = try? Yams.serialize(node: value)
      lines[setting] = .some(line)
    } else if value.null != nil {
      note(setting.rawValue, line, "has no value; it must be \(setting.rule)")
    } else if value.scalar == nil {
      note(setting.rawValue, line, "must be one value: \(setting.rule)")
    } else {
      lines[setting] = .some(line)
    }
  }

  private mutating func note(_ name: String, _ line: Int?, _ rule: String) {
    problems.append(.init(name: name, origin: .file(path, line: line), rule: rule))
  }
}

/// What is wrong with a text that is not YAML. It leaves out the excerpt that the parser would show,
/// because the excerpt may contain a password.
enum YAMLComplaint {
  /// A key that is no setting, if it looks like a name. Where a blank or a quotation mark is missing, as in
  /// `{url:postgresql://user:password@host}`, the key is the value too.
  static func shown(_ key: String) -> String {
    let isName =
      key.utf8.count <= 40
      && key.utf8.allSatisfy { $0 == 0x5F || (0x61...0x7A).contains($0 | 0x20) }
    return isName ? key : "(left out, it may be secret)"
  }

  static func reason(_ error: any Error) -> String {
    switch error as? YamlError {
    case .scanner(_, let problem, _, _), .parser(_, let problem, _, _),
      .composer(_, let problem, _, _):
      "this is not YAML: \(problem)"
    case .reader(let problem, _, _, _):
      "this is not YAML: \(problem)"
    case .duplicatedKeysInMapping(let keys, _):
      "these keys are here more than once: \(keys.map(shown).joined(separator: ", "))"
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
