import Glibc
import Postgres

/// Whether the files that hold secrets are closed to others.
struct FileExamination {
  let settings: Settings

  func findings() -> [Finding] {
    let secrets = settings.origins.filter { $0.key.isSecret }.sorted {
      $0.key.rawValue < $1.key.rawValue
    }
    return secrets.map { setting, origin in
      guard holdsSecret(setting) else {
        return .ok(setting.rawValue, "from \(origin), holds no password")
      }
      return finding(of: setting, from: origin)
    }
  }

  /// A URL without a password may stand in the settings file, which everybody reads.
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
    case .credential(let file), .file(let file, _):
      return finding(subject, file)
    case .environment(let name):
      return .warning(
        subject,
        "from \(name) in the environment, which root and this user can read while it runs",
        "for a service, put it into a file that root alone reads and pass it as a credential"
      )
    case .flag, .standard:
      return .ok(subject, "\(origin)")
    }
  }

  private func finding(_ subject: String, _ file: String) -> Finding {
    var facts = stat()
    guard stat(file, &facts) == 0 else {
      return .failed(subject, "\(file) cannot be looked at", "see that it exists")
    }
    let mode = String(facts.st_mode & 0o777, radix: 8)
    guard facts.st_mode & 0o077 == 0 else {
      return .failed(
        subject,
        "\(file) has mode \(mode): others than its owner can read a secret",
        "chmod 600 \(file)"
      )
    }
    return .ok(subject, "\(file), mode \(mode)")
  }
}
