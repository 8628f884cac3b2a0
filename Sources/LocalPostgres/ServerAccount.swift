import Foundation

/// The account that the server runs under. PostgreSQL refuses to run as root.
struct ServerAccount: Sendable {
  let user: uid_t
  let group: gid_t

  /// Whether the server has to change to the account first.
  let isOther: Bool

  /// The caller's own account, or for root that of `postgres`, or else of `nobody`.
  static func choose() throws(LocalPostgresError) -> ServerAccount {
    guard getuid() == 0 else {
      return ServerAccount(user: getuid(), group: getgid(), isOther: false)
    }
    for name in ["postgres", "nobody"] {
      if let entry = getpwnam(name) {
        return ServerAccount(user: entry.pointee.pw_uid, group: entry.pointee.pw_gid, isOther: true)
      }
    }
    throw LocalPostgresError(
      .startFailed,
      "PostgreSQL refuses to run as root, and there is no user postgres or nobody"
    )
  }

  /// The command that runs `arguments` under the account. `setpriv` is part of util-linux, which
  /// every Debian has.
  func command(_ arguments: [String]) -> [String] {
    guard isOther else { return arguments }
    return [
      "/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(group)", "--clear-groups", "--",
    ] + arguments
  }
}
