extension Fault: Decodable {
  /// The words for faults that add something to an answer.
  private enum Addition: String {
    case latency, headers, nulls, short, long, doubled, foreign, unknownValues, extraFields
    case nulCharacter, order, stale, shortPage, somebodyElse
  }

  /// The words for faults that decide how an answer ends.
  private enum Ending: String {
    case status, reset, hang, generateLate, cut, html, drip, flood
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
