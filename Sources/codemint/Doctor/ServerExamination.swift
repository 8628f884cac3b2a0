import Provisioning

/// What was seen of the database's server on connecting to it.
struct ServerExamination {
  /// The oldest server that codemint was written for: it needs `starts_with`, generated identities
  /// and what `pg_control_system` tells.
  static let oldest = 130_000

  /// For instance 150004 for 15.4.
  let version: Int
  let usesTLS: Bool
  /// Whether the server had to prove who it is.
  let isVerified: Bool
  /// Whether it is on this machine, so that nobody stands between.
  let isHere: Bool
  /// How long connecting took.
  let took: Duration

  var finding: Finding {
    let subject = "database"
    let name = "PostgreSQL \(version / 10_000).\(version % 10_000)"
    let seen = "\(name), \(way), connected in \(took.milliseconds) ms"
    guard version >= Self.oldest else {
      return .failed(subject, seen, "use PostgreSQL 13 or later")
    }
    if isHere || usesTLS && isVerified { return .ok(subject, seen) }
    let danger =
      usesTLS
      ? "whoever is on the way can pretend to be the server"
      : "whoever is on the way can read the codes, and pretend to be the server"
    return .warning(
      subject,
      "\(seen): \(danger)",
      "set sslmode=verify-full in database.url, with sslrootcert if the authority is private"
    )
  }

  private var way: String {
    switch (usesTLS, isHere) {
    case (true, _): isVerified ? "TLS, certificate verified" : "TLS, certificate not verified"
    case (false, true): "on this machine"
    case (false, false): "on another machine without TLS"
    }
  }
}
