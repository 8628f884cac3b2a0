extension Fault: Decodable {
  /// The words for faults that add something to an answer.
  private enum Addition: String {
    case latency, headers, nulls, short, long, doubled, foreign, unknownValues, extraFields
    case nulCharacter, order, stale, shortPage, somebodyElse
    case prefix, texts, times, withheld, date, cached, hidden
    case replayed, collapsed, swapped, older, resent, old, stream
  }

  /// The words for faults that decide how an answer ends.
  private enum Ending: String {
    case status, reset, hang, generateLate, slow, cut, html, drip, flood
  }

  /// Reads a fault; see `FaultPlan.init(json:)`.
  public init(from decoder: any Decoder) throws {
    let read = try FaultParameters(decoder)
    let name: String = try read.value("fault")
    if let addition = Addition(rawValue: name) {
      self = try Self.read(addition, read)
    } else if let ending = Ending(rawValue: name) {
      self = try Self.read(ending, read)
    } else {
      throw SandboxError.faultPlan("there is no fault \"\(name)\"")
    }
    try read.refuseOthers()
  }

  private static func read(_ name: Addition, _ read: FaultParameters) throws -> Fault {
    switch name {
    case .latency:
      .latency(
        seconds: try read.value("seconds"),
        jitter: try read.value("jitter", default: 0)
      )
    case .headers: .headers(set: try read.value("set"))
    case .nulls:
      .nulls(count: try read.value("count"), made: try read.value("made", default: true))
    case .short: .short(by: try read.value("by"), made: try read.value("made", default: false))
    case .long: .long(by: try read.value("by"))
    case .doubled:
      .doubled(count: try read.value("count"), instead: try read.value("instead", default: false))
    case .foreign:
      .foreign(count: try read.value("count"), instead: try read.value("instead", default: false))
    case .unknownValues: .unknownValues(count: try read.value("count"))
    case .extraFields: .extraFields(count: try read.value("count"))
    case .nulCharacter:
      .nulCharacter(
        count: try read.value("count"),
        field: try read.value("field", default: .code)
      )
    case .order: .order(try read.value("as"))
    case .stale:
      .stale(seconds: try read.value("seconds"), age: try read.value("age", default: false))
    case .shortPage: .shortPage(limit: try read.value("limit"))
    case .somebodyElse:
      .somebodyElse(
        count: try read.value("count"),
        prefix: try read.value("prefix", default: .same)
      )
    case .prefix: .prefix(try read.value("as"))
    case .texts: .texts(try read.value("as"))
    case .times: .times(try TimeForm(read))
    case .withheld:
      .withheld(try read.value("field"), as: try read.value("as", default: .null))
    case .date:
      .date(
        offset: try read.value("offset", default: 0),
        missing: try read.value("missing", default: false)
      )
    case .cached:
      .cached(seconds: try read.value("seconds"), age: try read.value("age", default: false))
    case .hidden:
      .hidden(share: try read.value("share", default: 1), status: try read.optional("status"))
    case .replayed: .replayed(made: try read.value("made", default: true))
    case .collapsed: .collapsed(seconds: try read.value("seconds"))
    case .swapped:
      .swapped(
        seconds: try read.value("seconds"),
        across: try read.value("across", default: false)
      )
    case .older:
      .older(count: try read.value("count"), made: try read.value("made", default: false))
    case .resent: .resent(times: try read.value("times", default: 1))
    case .old:
      .old(
        count: try read.value("count"),
        days: try read.value("days"),
        prefix: try read.optional("prefix")
      )
    case .stream:
      .stream(
        everySeconds: try read.value("everySeconds"),
        prefix: try read.value("prefix", default: .same)
      )
    }
  }

  private static func read(_ name: Ending, _ read: FaultParameters) throws -> Fault {
    switch name {
    case .status:
      .status(
        try read.value("status"),
        made: try read.value("made", default: .none),
        retryAfter: try read.optional("retryAfter"),
        headers: try read.value("headers", default: [:])
      )
    case .reset:
      .reset(
        at: try read.value("at"),
        made: try read.value("made", default: .none),
        abrupt: try read.value("abrupt", default: true)
      )
    case .hang:
      .hang(made: try read.value("made", default: .none), seconds: try read.optional("seconds"))
    case .generateLate: .generateLate(seconds: try read.value("seconds"))
    case .slow:
      .slow(seconds: try read.value("seconds"), answer: try read.optional("answer"))
    case .cut:
      .cut(
        keep: try read.value("keep", default: 0.5),
        complete: try read.value("complete", default: true),
        made: try read.value("made", default: .all)
      )
    case .html:
      .html(
        status: try read.value("status", default: 201),
        made: try read.value("made", default: .all)
      )
    case .drip:
      .drip(bytes: try read.value("bytes"), everySeconds: try read.value("everySeconds"))
    case .flood:
      .flood(
        bytes: try read.value("bytes", default: 100_000_000),
        declared: try read.value("declared", default: true),
        made: try read.value("made", default: .all)
      )
    }
  }
}

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
    case .prefix: "prefix"
    case .texts: "texts"
    case .times: "times"
    case .withheld: "withheld"
    case .date: "date"
    case .cached: "cached"
    case .hidden: "hidden"
    case .replayed: "replayed"
    case .collapsed: "collapsed"
    case .swapped: "swapped"
    case .older: "older"
    case .resent: "resent"
    case .old: "old"
    case .stream: "stream"
    case .status: "status"
    case .reset: "reset"
    case .hang: "hang"
    case .generateLate: "generateLate"
    case .slow: "slow"
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
    case .prefix, .texts, .times, .withheld, .date, .cached, .hidden, .replayed, .collapsed,
      .swapped, .older, .resent, .old, .stream:
      try encodeDifference(&container)
    case .status, .reset, .hang, .generateLate, .slow, .cut, .html, .drip, .flood:
      try encodeEnding(&container)
    }
  }

  /// Writes what makes this API another one than the documents describe.
  private func encodeDifference(
    _ container: inout KeyedEncodingContainer<FaultParameters.Key>
  ) throws {
    switch self {
    case .prefix(let form): try container.encode(form, forKey: "as")
    case .texts(let form): try container.encode(form, forKey: "as")
    case .times(let form): try form.encode(&container)
    case .withheld(let field, let withholding):
      try container.encode(field, forKey: "field")
      try container.encode(withholding, forKey: "as")
    case .date(let offset, let missing):
      try container.encode(offset, forKey: "offset")
      try container.encode(missing, forKey: "missing")
    case .cached(let seconds, let age):
      try container.encode(seconds, forKey: "seconds")
      try container.encode(age, forKey: "age")
    case .hidden(let share, let status):
      try container.encode(share, forKey: "share")
      try container.encodeIfPresent(status, forKey: "status")
    case .replayed(let made):
      try container.encode(made, forKey: "made")
    case .collapsed(let seconds):
      try container.encode(seconds, forKey: "seconds")
    case .swapped(let seconds, let across):
      try container.encode(seconds, forKey: "seconds")
      try container.encode(across, forKey: "across")
    case .older(let count, let made):
      try container.encode(count, forKey: "count")
      try container.encode(made, forKey: "made")
    case .resent(let times):
      try container.encode(times, forKey: "times")
    case .old(let count, let days, let prefix):
      try container.encode(count, forKey: "count")
      try container.encode(days, forKey: "days")
      try container.encodeIfPresent(prefix, forKey: "prefix")
    case .stream(let seconds, let prefix):
      try container.encode(seconds, forKey: "everySeconds")
      try container.encode(prefix, forKey: "prefix")
    case .latency, .headers, .nulls, .short, .long, .doubled, .foreign, .unknownValues,
      .extraFields, .nulCharacter, .order, .stale, .shortPage, .somebodyElse, .status, .reset,
      .hang, .generateLate, .slow, .cut, .html, .drip, .flood:
      break
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
    case .slow(let seconds, let answer):
      try container.encode(seconds, forKey: "seconds")
      try container.encodeIfPresent(answer, forKey: "answer")
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
      .extraFields, .nulCharacter, .order, .stale, .shortPage, .somebodyElse, .prefix, .texts,
      .times, .withheld, .date, .cached, .hidden, .replayed, .collapsed, .swapped, .older, .resent,
      .old, .stream:
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
      .extraFields, .nulCharacter, .order, .stale, .shortPage, .somebodyElse, .prefix, .texts,
      .times, .withheld, .date, .cached, .hidden, .replayed, .collapsed, .swapped, .older, .resent,
      .old, .stream, .generateLate, .slow, .drip:
      nil
    }
  }
}

extension TimeForm {
  /// Reads the parameters of the fault `times`.
  fileprivate init(_ read: FaultParameters) throws {
    self.init(
      offset: try read.value("offset", default: 0),
      resolution: try read.value("resolution", default: .milliseconds),
      rounded: try read.value("rounded", default: false),
      zone: try read.value("zone", default: .utc)
    )
  }

  /// Writes the parameters of the fault `times`.
  fileprivate func encode(
    _ container: inout KeyedEncodingContainer<FaultParameters.Key>
  ) throws {
    try container.encode(offset, forKey: "offset")
    try container.encode(resolution, forKey: "resolution")
    try container.encode(rounded, forKey: "rounded")
    try container.encode(zone, forKey: "zone")
  }
}
