import Glibc
import Postgres

/// The problems of the settings, and the checks that are impossible because of them.
struct SettingsExamination {
  let reading: SettingsReading

  /// A finding for each problem, or one finding that all is well.
  var findings: [Finding] {
    guard reading.problems.isEmpty else {
      return reading.problems.map { .failed("settings", "\($0)", Self.remedy($0.origin)) }
    }
    let given = reading.settings.origins.count
    let seen = given == 0 ? "all are defaults" : "\(given) given, none unknown or out of range"
    return [.ok("settings", seen)]
  }

  /// A finding that a subject is not checked, because one of these settings is unknown; nil if all are
  /// known. Otherwise the doctor might check a wrong server, or show it the key.
  func omission(_ subject: String, _ settings: Setting...) -> Finding? {
    for setting in settings {
      if let reason = reading.whyUnknown(setting) {
        return .warning(subject, "not checked: \(reason)", "correct that setting first")
      }
    }
    return nil
  }

  private static func remedy(_ origin: Origin) -> String {
    switch origin {
    case .flag, .file, .credential: "correct \(origin)"
    case .environment: "correct or unset \(origin)"
    case .standard: "set it"
    }
  }
}

/// Checks that each webhook has a secret and each secret a webhook, and that they may lead where they do.
struct WebhookExamination {
  let settings: Settings

  var findings: [Finding] {
    guard !settings.webhooks.receivers.isEmpty || !settings.webhooks.secrets.isEmpty else {
      return []
    }
    do {
      let names = try settings.webhookSenders().map(\.entry.name).joined(separator: ", ")
      if let unused = settings.unusedSecrets {
        return [.warning("webhooks", unused, "correct its name, or remove its line")]
      }
      return [.ok("webhooks", "each has a secret: \(names)")]
    } catch {
      return [.failed("webhooks", "\(error)", "see docs/webhooks.md")]
    }
  }
}

/// Checks that other users cannot read the files with secrets.
struct FileExamination {
  let settings: Settings

  func findings() -> [Finding] {
    let secrets = settings.origins.filter { $0.key.isSecret }.sorted {
      $0.key.rawValue < $1.key.rawValue
    }
    return secrets.map { setting, origin in
      guard holdsSecret(setting) else {
        return .ok(setting.rawValue, "from \(origin), without a password")
      }
      return finding(of: setting, from: origin)
    }
  }

  /// Whether the value is secret. A URL without a password may be in a file that everybody reads.
  private func holdsSecret(_ setting: Setting) -> Bool {
    let url: Secret?
    switch setting {
    case .databaseURL: url = settings.database.url
    case .databaseListenURL: url = settings.database.listenURL
    default: return true
    }
    let read = try? ConnectionSettings(url?.value ?? "")
    return read?.holdsPassword ?? true
  }

  private func finding(of setting: Setting, from origin: Origin) -> Finding {
    let subject = setting.rawValue
    switch origin {
    case .credential(let file):
      // The group's bits stand for an access control list with the service's user there (acl(5),
      // systemd 254 and later).
      return finding(subject, file, strangers: 0o007)
    case .file(let file, _):
      return finding(subject, file, strangers: 0o077)
    case .environment(let name):
      return .warning(
        subject,
        "from \(name) in the environment, which root and this user can read while the process runs",
        "for a service, put it into a file that only root can read, and pass that as a credential"
      )
    case .flag, .standard:
      return .ok(subject, "\(origin)")
    }
  }

  /// - Parameter strangers: The bits of a mode that let users read the file who should not.
  private func finding(_ subject: String, _ file: String, strangers: mode_t) -> Finding {
    var facts = stat()
    guard stat(file, &facts) == 0 else {
      return .failed(subject, "\(file) cannot be examined", "check that the file exists")
    }
    let mode = String(facts.st_mode & 0o777, radix: 8)
    guard facts.st_mode & strangers == 0 else {
      return .failed(
        subject,
        "\(file) has mode \(mode), so users other than its owner can read the secret",
        "chmod 600 \(file)"
      )
    }
    return .ok(subject, "\(file), mode \(mode)")
  }
}
