internal import HTTPTypes

extension Fault {
  /// Most codes that one fault may ask for.
  private static let mostCodes = 10_000
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
      .nulCharacter(let count, _), .somebodyElse(let count, _):
      guard (1...Self.mostCodes).contains(count) else {
        throw .faultPlan("\(name) needs a number of codes of 1 to \(Self.mostCodes)")
      }
    case .order:
      break
    case .stale(let seconds, _), .generateLate(let seconds):
      try Self.check(seconds: seconds)
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
    case .latency, .headers, .status, .reset, .hang, .cut, .html, .drip, .flood: true
    case .short, .long, .generateLate: endpoint == .generate
    case .order, .stale, .shortPage: endpoint == .list
    case .nulls, .doubled, .foreign, .unknownValues, .extraFields, .nulCharacter, .somebodyElse:
      endpoint == .generate || endpoint == .list
    }
  }

  private static func check(seconds: Double...) throws(SandboxError) {
    for value in seconds where !(0...longestSeconds).contains(value) {
      throw .faultPlan("seconds are 0 to 86400")
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
