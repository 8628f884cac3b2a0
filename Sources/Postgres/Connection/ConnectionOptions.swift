internal import CLibPQ

/// What libpq knows about connection options.
enum ConnectionOptions {
  /// The options that came after libpq 14, with the version that brought them, for a message that
  /// tells more than "invalid".
  private static let newer = [
    "load_balance_hosts": 16, "require_auth": 16, "sslcertmode": 16, "gssdelegation": 16,
    "sslnegotiation": 17, "sslkeylogfile": 18, "min_protocol_version": 18,
    "max_protocol_version": 18, "scram_client_key": 18, "scram_server_key": 18,
    "oauth_issuer": 18, "oauth_client_id": 18, "oauth_client_secret": 18, "oauth_scope": 18,
  ]

  /// The options that the libpq at hand knows.
  static let known: Set<String> = Set(defaults().map(\.keyword))

  /// What libpq takes from its variables and service files, together with its own defaults.
  static var environment: [ConnectionOption] {
    defaults().compactMap { option in
      option.value.map { ConnectionOption(keyword: option.keyword, value: $0) }
    }
  }

  /// The options that libpq's variables and service files set to something else than its defaults.
  static var chosenByEnvironment: Set<String> {
    Set(defaults().filter { $0.value != $0.compiled }.map(\.keyword))
  }

  private typealias Entry = (keyword: String, value: String?, compiled: String?)

  private static func defaults() -> [Entry] {
    guard let list = unsafe PQconndefaults() else { return [] }
    defer { unsafe PQconninfoFree(list) }
    return unsafe read(list)
  }

  /// Takes a URL or `keyword=value` string apart.
  static func parse(_ text: String) throws(PostgresError) -> [ConnectionOption] {
    guard !text.utf8.contains(0) else {
      throw PostgresError(.invalidSettings, "the database URL holds a NUL character")
    }
    try DatabaseURL.check(text)
    var message: UnsafeMutablePointer<CChar>? = nil
    guard let list = unsafe PQconninfoParse(text, &message) else {
      defer { unsafe PQfreemem(message) }
      let reason = unsafe message.map { unsafe String(cString: $0) } ?? "no memory"
      throw PostgresError(
        .invalidSettings,
        "the database URL cannot be read: \(withoutQuotes(reason))"
      )
    }
    defer { unsafe PQconninfoFree(list) }
    return unsafe read(list).compactMap { option in
      option.value.map { ConnectionOption(keyword: option.keyword, value: $0) }
    }
  }

  /// libpq quotes parts of the URL in its complaints, and in a malformed one the password can be
  /// any part. Whatever lies between the first and the last quotation mark goes, unless it is the
  /// name of an option that a newer libpq would know.
  static func withoutQuotes(_ message: String) -> String {
    let message = message.trimmingNewlines
    guard let first = message.firstIndex(of: "\""), let last = message.lastIndex(of: "\""),
      first < last
    else { return message }
    let quoted = String(message[message.index(after: first)..<last])
    if let version = newer[quoted] {
      return "the option \(quoted) needs libpq \(version) or newer"
    }
    return message[..<first] + "(left out, it may be secret)"
      + message[message.index(after: last)...]
  }

  private static func read(_ list: UnsafeMutablePointer<PQconninfoOption>) -> [Entry] {
    var options: [Entry] = []
    var next = unsafe list
    while let keyword = unsafe next.pointee.keyword {
      let value = unsafe next.pointee.val
      let compiled = unsafe next.pointee.compiled
      options.append(
        (
          unsafe String(cString: keyword), unsafe value.map { unsafe String(cString: $0) },
          unsafe compiled.map { unsafe String(cString: $0) }
        )
      )
      unsafe next += 1
    }
    return options
  }
}

/// One of libpq's `keyword=value` pairs.
struct ConnectionOption: Hashable, Sendable {
  let keyword: String
  let value: String
}
