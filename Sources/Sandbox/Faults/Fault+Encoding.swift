extension Fault: Encodable {
  /// The word that names it in a plan.
  var name: String {
    switch self {
    case .latency: "latency"
    case .headers: "headers"
    case .nulls: "nulls"
    case .short: "short"
    case .long: "long"
    case .doubled: "doubled"
    case .foreign: "foreign"
    case .unknownValues: "unknownValues"
    case .extraFields: "extraFields"
    case .nulCharacter: "nulCharacter"
    case .order: "order"
    case .stale: "stale"
    case .shortPage: "shortPage"
    case .somebodyElse: "somebodyElse"
    case .status: "status"
    case .reset: "reset"
    case .hang: "hang"
    case .generateLate: "generateLate"
    case .cut: "cut"
    case .html: "html"
    case .drip: "drip"
    case .flood: "flood"
    }
  }

  /// Writes a fault with all its parameters; see `FaultPlan.json`.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: FaultParameters.Key.self)
    try container.encode(name, forKey: "fault")
    switch self {
    case .latency(let seconds, let jitter):
      try container.encode(seconds, forKey: "seconds")
      try container.encode(jitter, forKey: "jitter")
    case .headers(let headers):
      try container.encode(headers, forKey: "set")
    case .nulls(let count, let made):
      try container.encode(count, forKey: "count")
      try container.encode(made, forKey: "made")
    case .short(let missing, let made):
      try container.encode(missing, forKey: "by")
      try container.encode(made, forKey: "made")
    case .long(let more):
      try container.encode(more, forKey: "by")
    case .doubled(let count, let instead), .foreign(let count, let instead):
      try container.encode(count, forKey: "count")
      try container.encode(instead, forKey: "instead")
    case .unknownValues(let count), .extraFields(let count):
      try container.encode(count, forKey: "count")
    case .nulCharacter(let count, let field):
      try container.encode(count, forKey: "count")
      try container.encode(field, forKey: "field")
    case .order(let order):
      try container.encode(order, forKey: "as")
    case .stale(let seconds, let age):
      try container.encode(seconds, forKey: "seconds")
      try container.encode(age, forKey: "age")
    case .shortPage(let limit):
      try container.encode(limit, forKey: "limit")
    case .somebodyElse(let count, let prefix):
      try container.encode(count, forKey: "count")
      try container.encode(prefix, forKey: "prefix")
    case .status, .reset, .hang, .generateLate, .cut, .html, .drip, .flood:
      try encodeEnding(&container)
    }
  }

  private func encodeEnding(
    _ container: inout KeyedEncodingContainer<FaultParameters.Key>
  ) throws {
    if let made { try container.encode(made, forKey: "made") }
    switch self {
    case .status(let status, _, let retryAfter, let headers):
      try container.encode(status, forKey: "status")
      try container.encodeIfPresent(retryAfter, forKey: "retryAfter")
      try container.encode(headers, forKey: "headers")
    case .reset(let point, _, let abrupt):
      try container.encode(point, forKey: "at")
      try container.encode(abrupt, forKey: "abrupt")
    case .hang(_, let seconds):
      try container.encodeIfPresent(seconds, forKey: "seconds")
    case .generateLate(let seconds):
      try container.encode(seconds, forKey: "seconds")
    case .cut(let keep, let complete, _):
      try container.encode(keep, forKey: "keep")
      try container.encode(complete, forKey: "complete")
    case .html(let status, _):
      try container.encode(status, forKey: "status")
    case .drip(let bytes, let seconds):
      try container.encode(bytes, forKey: "bytes")
      try container.encode(seconds, forKey: "everySeconds")
    case .flood(let bytes, let declared, _):
      try container.encode(bytes, forKey: "bytes")
      try container.encode(declared, forKey: "declared")
    case .latency, .headers, .nulls, .short, .long, .doubled, .foreign, .unknownValues,
      .extraFields, .nulCharacter, .order, .stale, .shortPage, .somebodyElse:
      break
    }
  }

  /// What it says about the codes that come into being, for the faults that say it.
  var made: Making? {
    switch self {
    case .status(_, let made, _, _), .reset(_, let made, _), .hang(let made, _),
      .cut(_, _, let made), .html(_, let made), .flood(_, _, let made):
      made
    case .latency, .headers, .nulls, .short, .long, .doubled, .foreign, .unknownValues,
      .extraFields, .nulCharacter, .order, .stale, .shortPage, .somebodyElse, .generateLate,
      .drip:
      nil
    }
  }
}
