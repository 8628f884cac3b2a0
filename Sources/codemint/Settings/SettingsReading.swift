/// What could be read of the settings, and what is wrong with the rest.
struct SettingsReading {
  /// What was read. What is wrong has its value from the next lower source, or by default.
  let settings: Settings
  /// Empty if codemint may start.
  let problems: [SettingsError.Problem]
  /// The settings file, if nothing of it could be read.
  let unreadFile: String?

  /// Why it is not known what a setting is meant to be; nil if it is.
  func whyUnknown(_ setting: Setting) -> String? {
    if problems.contains(where: { $0.name == setting.rawValue }) {
      return "\(setting.rawValue) is wrong"
    }
    guard let unreadFile, settings.origins[setting] == nil else { return nil }
    return "\(setting.rawValue) may be in \(unreadFile), which cannot be read"
  }
}
