import Configuration
import Yams

/// The YAML file: which settings it gives, and what in it cannot be right.
struct SettingsFile {
  /// Where it is looked for if nobody says otherwise. It need not exist.
  static let standardPath = "/etc/codemint/codemint.yaml"

  /// What the file gives; nothing if there is none or it is all comments.
  private(set) var source = SettingSource(texts: [:])
  /// What is wrong with it.
  private(set) var problems: [SettingsError.Problem] = []
  let path: String
  /// Whether what it holds is known, down to what is wrong in it.
  var isRead: Bool { !problems.contains { $0.name == path } }

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - named: Who asked for this file by name; nil for the standard one, which may be missing.
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
    // A file of comments alone has no root, or an empty one.
    guard let root, root.null == nil else { return }
    guard let sections = root.mapping else {
      note(path, root.mark?.line, "must hold sections, such as \"limits:\", and settings in them")
      return
    }
    var lines: [Setting: Int?] = [:]
    for (key, value) in sections { visit(key, value, under: [], &lines) }
    guard
      let snapshot = try? YAMLSnapshot(
        data: bytes.span.bytes,
        providerName: path,
        parsingOptions: .init(secretsSpecifier: .all)
      )
    else {
      // Lists of lists and keys that are no texts: each has been noted as unknown.
      if problems.isEmpty { note(path, nil, "the file holds something that is not a setting") }
      return
    }
    source = SettingSource(file: snapshot, path: path, lines: lines)
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
        note(name, line, "is a section; its settings go on lines of their own below it")
      }
    } else {
      let hint = Spelling.hint(for: name, among: Setting.allCases.map(\.rawValue))
      note(name, line, "there is no such setting" + hint)
    }
  }

  private mutating func check(
    _ setting: Setting,
    _ value: Node,
    _ line: Int?,
    _ lines: inout [Setting: Int?]
  ) {
    if setting == .apiKey {
      note(
        setting.rawValue,
        line,
        """
        the key must not stand in this file; put it into the file /etc/codemint/api-key, which \
        systemd passes on as the credential api-key, or into \(Setting.apiKey.environmentName)
        """
      )
    } else if value.null != nil {
      note(setting.rawValue, line, "has no value; it must be \(setting.rule)")
    } else if value.scalar == nil {
      note(setting.rawValue, line, "must be one value, namely \(setting.rule)")
    } else {
      lines[setting] = .some(line)
    }
  }

  private mutating func note(_ name: String, _ line: Int?, _ rule: String) {
    problems.append(.init(name: name, origin: .file(path, line: line), rule: rule))
  }
}
