/// Reads each setting from the highest source that gives it. Checks the values of all sources and
/// collects every problem.
struct SettingsReader {
  /// The sources, highest first.
  let sources: [SettingSource]
  /// The problems so far.
  var problems: [SettingsError.Problem] = []
  /// The source of each value that was found.
  private(set) var origins: [Setting: Origin] = [:]

  init(sources: [SettingSource]) {
    self.sources = sources
  }

  /// The source of a setting's value.
  func origin(_ setting: Setting) -> Origin {
    origins[setting] ?? .standard
  }

  mutating func text(_ setting: Setting) -> String? {
    value(setting) { source in
      source.text(setting).flatMap { Self.isClean($0) ? $0 : nil }
    }
  }

  mutating func secret(_ setting: Setting) -> Secret? {
    text(setting).map(Secret.init)
  }

  mutating func whole(_ setting: Setting) -> Int? {
    guard case .whole(let range) = setting.kind else { return nil }
    return value(setting) { source in
      source.whole(setting).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  mutating func number(_ setting: Setting) -> Double? {
    guard case .number(let range) = setting.kind else { return nil }
    return value(setting) { source in
      source.number(setting).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  mutating func flag(_ setting: Setting) -> Bool? {
    value(setting) { source in source.flag(setting) }
  }

  mutating func choice<Choice: RawRepresentable<String>>(_ setting: Setting) -> Choice? {
    value(setting) { source in source.text(setting).flatMap(Choice.init(rawValue:)) }
  }

  mutating func address(_ setting: Setting) -> ListenAddress? {
    value(setting) { source in source.text(setting).flatMap(ListenAddress.init) }
  }

  mutating func webhooks(_ setting: Setting) -> [WebhookList.Entry]? {
    value(
      setting,
      complaint: { source in
        switch source.text(setting).map(WebhookList.read) {
        case .failure(let complaint): complaint.words
        case .success, nil: nil
        }
      },
      read: { source in source.text(setting).flatMap { try? WebhookList.read($0).get() } }
    )
  }

  mutating func webhookSecrets(_ setting: Setting) -> [String: [WebhookSecret]]? {
    value(setting) { source in source.text(setting).flatMap(WebhookSecret.read) }
  }

  /// Adds a problem for a value that contradicts another setting or the system.
  mutating func refuse(_ setting: Setting, because rule: String) {
    problems.append(.init(name: setting.rawValue, origin: origin(setting), rule: rule))
  }

  /// - Parameter complaint: What is wrong with a value that cannot be read; nil for what it must be.
  private mutating func value<Value>(
    _ setting: Setting,
    complaint: (SettingSource) -> String? = { _ in nil },
    read: (SettingSource) -> Value?
  ) -> Value? {
    var found: Value?
    for source in sources {
      guard let origin = source.origins[setting] else { continue }
      if let value = read(source) {
        guard found == nil else { continue }
        found = value
        origins[setting] = origin
      } else {
        let shown = setting.isSecret ? "its value" : Self.shown(source.text(setting) ?? "")
        let rule = complaint(source) ?? "\(shown) is wrong; it must be \(setting.rule)"
        problems.append(.init(name: setting.rawValue, origin: origin, rule: rule))
      }
    }
    return found
  }

  /// Whether the text is not empty and has no control characters.
  private static func isClean(_ text: String) -> Bool {
    !text.isEmpty
      && text.unicodeScalars.allSatisfy {
        $0.properties.generalCategory != .control && $0 != "\u{FFFD}"
      }
  }

  /// The value in quotation marks, cut to 60 characters and without control characters.
  private static func shown(_ text: String) -> String {
    let longest = 60
    let start = text.unicodeScalars.prefix(longest).map { scalar in
      scalar.properties.generalCategory == .control ? "?" : String(scalar)
    }
    return "\"\(start.joined())\(text.unicodeScalars.count > longest ? "..." : "")\""
  }
}
