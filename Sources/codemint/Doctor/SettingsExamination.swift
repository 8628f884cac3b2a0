/// What is wrong with the settings, and what cannot be looked at because of that.
struct SettingsExamination {
  let reading: SettingsReading

  /// A finding for each problem, or one if there is none.
  var findings: [Finding] {
    guard reading.problems.isEmpty else {
      return reading.problems.map { .failed("settings", "\($0)", Self.remedy($0.origin)) }
    }
    let given = reading.settings.origins.count
    let seen = given == 0 ? "all as by default" : "\(given) given, none unknown or out of range"
    return [.ok("settings", seen)]
  }

  /// Why a subject is not looked at: one of the settings that lead to it is not known, and another
  /// server than the one that is meant must not be taken for it, or be shown the key.
  func omission(_ subject: String, _ settings: Setting...) -> Finding? {
    for setting in settings {
      if let reason = reading.whyUnknown(setting) {
        return .warning(subject, "not looked at: \(reason)", "mend that first")
      }
    }
    return nil
  }

  private static func remedy(_ origin: Origin) -> String {
    switch origin {
    case .flag, .file, .credential: "mend \(origin)"
    case .environment: "mend or unset \(origin)"
    case .standard: "set it"
    }
  }
}
