internal import HTTPTypes

extension Fault {
  /// Most codes that one fault may ask for.
  private static let mostCodes = 10_000
  /// Most codes that a reward can have had before.
  private static let mostOldCodes = 10_000_000
  /// Longest wait, a day: longer ones are typing errors, and hanging for ever has its own word.
  private static let longestSeconds = 86_400.0

  func validate() throws(SandboxError) {
    switch self {
    case .latency(let seconds, let jitter):
      try Self.check(seconds: seconds, jitter)
    case .headers(let headers):
      try Self.check(headers)
    case .nulls(let count, _), .short(let count, _), .long(let count), .doubled(let count, _),
      .foreign(let count, _), .unknownValues(let count), .extraFields(let count),
      .nulCharacter(let count, _), .somebodyElse(let count, _), .older(let count, _):
      guard (1...Self.mostCodes).contains(count) else {
        throw .faultPlan("\(name) needs a number of codes of 1 to \(Self.mostCodes)")
      }
    case .order:
      break
    case .stale(let seconds, _), .generateLate(let seconds), .cached(let seconds, _),
      .collapsed(let seconds), .swapped(let seconds, _):
      try Self.check(seconds: seconds)
    case .slow(let seconds, let answer):
      try Self.check(seconds: seconds, answer ?? 0)
    case .prefix(.cut(let length)):
      guard (0...32).contains(length) else {
        throw .faultPlan("a prefix is cut to 0 to 32 characters")
      }
    case .prefix, .texts, .withheld, .replayed:
      break
    case .times(let form):
      try Self.check(offset: form.offset)
      if case .hours(let hours) = form.zone, !(-14...14).contains(hours) {
        throw .faultPlan("a zone is at most 14 hours from UTC")
      }
    case .date(let offset, _):
      try Self.check(offset: offset)
    case .hidden(let share, _):
      guard (0...1).contains(share) else { throw .faultPlan("hidden has a share of 0 to 1") }
    case .resent(let times):
      guard (1...100).contains(times) else { throw .faultPlan("resent has 1 to 100 times") }
    case .old(let count, let days, _):
      guard (1...Self.mostOldCodes).contains(count), (0...36_500).contains(days) else {
        throw .faultPlan("old needs 1 to \(Self.mostOldCodes) codes of 0 to 36500 days")
      }
    case .stream(let seconds, _):
      guard (0.001...Self.longestSeconds).contains(seconds) else {
        throw .faultPlan("a stream has a code every 0.001 to 86400 seconds")
      }
    case .shortPage(let limit):
      guard (0...1000).contains(limit) else {
        throw .faultPlan("the limit of shortPage is 0 to 1000")
      }
    case .status(let status, _, _, let headers):
      try Self.check(status)
      try Self.check(headers)
    case .html(let status, _):
      try Self.check(status)
    case .hang(_, let seconds):
      try Self.check(seconds: seconds ?? 0)
    case .cut(let keep, _, _):
      guard (0..<1).contains(keep) else {
        throw .faultPlan("cut keeps a share of 0 to less than 1")
      }
    case .drip(let bytes, let seconds):
      guard bytes >= 1 else { throw .faultPlan("drip sends 1 byte or more at a time") }
      try Self.check(seconds: seconds)
    case .flood(let bytes, _, _):
      guard (1...1_000_000_000_000).contains(bytes) else {
        throw .faultPlan("flood sends 1 to 10^12 bytes")
      }
    case .reset:
      break
    }
    if case .part(let count) = made, !(0...500).contains(count) {
      throw .faultPlan("made is \"all\", \"none\" or 0 to 500 codes")
    }
  }

  /// Whether it makes sense for a call.
  func suits(_ endpoint: FaultRule.Endpoint) -> Bool {
    switch self {
    case .latency, .headers, .status, .reset, .hang, .cut, .html, .drip, .flood, .date:
      endpoint != .reward
    case .short, .long, .generateLate, .slow, .prefix, .replayed, .collapsed, .swapped, .older,
      .resent:
      endpoint == .generate
    case .order, .stale, .shortPage, .cached, .hidden: endpoint == .list
    case .nulls, .doubled, .foreign, .unknownValues, .extraFields, .nulCharacter, .somebodyElse,
      .texts, .times, .withheld:
      endpoint == .generate || endpoint == .list
    case .old, .stream: endpoint == .reward
    }
  }

  private static func check(seconds: Double...) throws(SandboxError) {
    for value in seconds where !(0...longestSeconds).contains(value) {
      throw .faultPlan("seconds are 0 to 86400")
    }
  }

  /// Clocks can be wrong by years, but a date has four digits for them.
  private static func check(offset: Double) throws(SandboxError) {
    guard (-1e9...1e9).contains(offset) else {
      throw .faultPlan("an offset is at most 10^9 seconds")
    }
  }

  private static func check(_ status: Int) throws(SandboxError) {
    guard (200...599).contains(status) else { throw .faultPlan("a status is 200 to 599") }
  }

  private static func check(_ headers: [String: String]) throws(SandboxError) {
    for (name, value) in headers {
      guard HTTPField.Name(name) != nil, HTTPField.isValidValue(value) else {
        throw .faultPlan("\"\(name)\" is no header, or its value none that HTTP allows")
      }
    }
  }
}
