/// One way to misbehave. In JSON an object whose `fault` names the case and whose other keys are the
/// labels here, in the same words; labels with a default may be left out.
///
/// The cases from `latency` to `stream` add something to an answer, and several can strike one request
/// together; where only one can hold, the last that strikes wins. The others decide how it ends, and of
/// those the first that strikes wins.
public enum Fault: Sendable, Hashable {
  /// Makes the answer late; codes come into being in the middle of the wait.
  case latency(seconds: Double, jitter: Double = 0)
  /// Adds headers, such as `RateLimit` or `Age`.
  case headers(set: [String: String])
  /// Shows `null` in place of some codes: codes that exist if they are `made`, none if not.
  case nulls(count: Int, made: Bool = true)
  /// Shows fewer codes than asked for; `made` says whether the missing ones exist.
  case short(by: Int, made: Bool = false)
  /// Makes and shows more codes than asked for.
  case long(by: Int)
  /// Shows some codes twice, behind the others or `instead` of the last ones, which exist unseen.
  case doubled(count: Int, instead: Bool = false)
  /// Shows codes of another reward, behind the others or `instead` of the last ones, which exist unseen.
  /// They are the newest of another reward that has codes, or made by somebody else for this.
  case foreign(count: Int, instead: Bool = false)
  /// Shows values that the contract does not list for `status` and `syncStatus`.
  case unknownValues(count: Int)
  /// Shows fields and a system that the contract does not list, in codes and around them.
  case extraFields(count: Int)
  /// Puts `\u0000` at the end of a text.
  case nulCharacter(count: Int, field: TextField = .code)
  /// Lists in this order, whatever was asked for.
  case order(OrderShown)
  /// Lists what was there some seconds ago, and says so in an `Age` header or not.
  case stale(seconds: Double, age: Bool = false)
  /// Lists at most this many codes on a page, whatever was asked for.
  case shortPage(limit: Int)
  /// Somebody else makes codes of the reward: right behind those of a generate request, or right before
  /// a page is read, so that pages shift.
  case somebodyElse(count: Int, prefix: RivalPrefix = .same)

  /// Makes codes whose texts begin with another form of the prefix. In JSON the form is `as`.
  case prefix(PrefixForm)
  /// Shows the texts of codes in another form. In JSON the form is `as`.
  case texts(TextForm)
  /// Shows the times of codes in another form.
  case times(TimeForm)
  /// Shows a field as null or as an empty list, or not at all.
  case withheld(WithheldField, as: Withholding = .null)
  /// Says another time in the answer's `Date` header, that many seconds ahead, or has none.
  case date(offset: Double = 0, missing: Bool = false)
  /// Keeps the answer to each query that long, and gives it again, with its `Date` and, if asked for, its
  /// `Age`.
  case cached(seconds: Double, age: Bool = false)
  /// Leaves this share of the codes out of listings, always the same codes; with a status only codes that
  /// have it.
  case hidden(share: Double = 1, status: CodeStatus? = nil)

  /// Answers with the codes of the reward's previous answer, whether or not those asked for are `made`.
  /// If there is none, this does nothing.
  case replayed(made: Bool = true)
  /// Holds the answer back that long. Other requests of the reward that come meanwhile get one like it,
  /// and make nothing.
  case collapsed(seconds: Double)
  /// Holds the answer back that long; if another request of the reward has an answer by then, they are
  /// exchanged. If it goes `across`, that may be a request of any reward.
  case swapped(seconds: Double, across: Bool = false)
  /// Shows older codes of the reward in place of some. `made` says whether those exist unseen.
  case older(count: Int, made: Bool = false)
  /// Something on the way sends the request more than once; the answer shows what the last one made.
  case resent(times: Int = 1)

  /// The reward has had these codes for so many days: somebody made them by hand.
  case old(count: Int, days: Double, prefix: String? = nil)
  /// Somebody else makes a code of the reward each time that so long has passed, while the plan is in
  /// force.
  case stream(everySeconds: Double, prefix: RivalPrefix = .same)

  /// Answers with this status and, below 300, a body of the right form; `made` codes exist all the same.
  case status(
    Int,
    made: Making = .none,
    retryAfter: RetryAfter? = nil,
    headers: [String: String] = [:]
  )
  /// Breaks the connection, with a TCP reset or (not `abrupt`) in an orderly way.
  case reset(at: BreakingPoint, made: Making = .none, abrupt: Bool = true)
  /// Says nothing until the client hangs up, or goes on as if nothing had been after some seconds. Codes
  /// not made before the wait are made after it, if the client is still there.
  case hang(made: Making = .none, seconds: Double? = nil)
  /// Says nothing until the client hangs up, and makes the codes that many seconds after that.
  case generateLate(seconds: Double)
  /// Makes the codes after some seconds, whether or not the client is still there, and answers `answer`
  /// seconds after that, or never.
  case slow(seconds: Double, answer: Double? = nil)
  /// Sends only this share of the body: as a whole HTTP message, or with an orderly end of the
  /// connection where the length promised more.
  case cut(keep: Double = 0.5, complete: Bool = true, made: Making = .all)
  /// Answers with a page of HTML.
  case html(status: Int = 201, made: Making = .all)
  /// Sends the answer's body a few bytes at a time.
  case drip(bytes: Int, everySeconds: Double)
  /// Answers with a body of this size, its length `declared` or not.
  case flood(bytes: Int = 100_000_000, declared: Bool = true, made: Making = .all)
}

/// How many of the codes asked for come into being. In JSON `"all"`, `"none"` or a number.
public enum Making: Sendable, Hashable {
  /// As if nothing were wrong.
  case all
  /// None of them.
  case none
  /// This many, at most all.
  case part(Int)

  /// How many that is.
  func count(of wanted: Int) -> Int {
    switch self {
    case .all: wanted
    case .none: 0
    case .part(let count): min(count, wanted)
    }
  }
}

extension Making: Codable {
  /// Reads `"all"`, `"none"` or a number.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if let count = try? container.decode(Int.self) {
      self = .part(count)
      return
    }
    switch try container.decode(String.self) {
    case "all": self = .all
    case "none": self = .none
    default:
      throw SandboxError.faultPlan("made is \"all\", \"none\" or a number of codes")
    }
  }

  /// Writes `"all"`, `"none"` or a number.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .all: try container.encode("all")
    case .none: try container.encode("none")
    case .part(let count): try container.encode(count)
    }
  }
}

/// Where in an exchange the connection breaks.
public enum BreakingPoint: String, Sendable, Hashable, Codable {
  /// When the request's head has been read, before its body; nothing can have been made.
  case beforeRequestBody
  /// When the request has been read and carried out, before any byte of the answer.
  case beforeAnswer
  /// Behind the head of the answer.
  case afterHead
  /// In the middle of the answer's body.
  case inBody
  /// Behind the whole answer.
  case afterAnswer
}

/// An order of listing.
public enum OrderShown: String, Sendable, Hashable, Codable {
  /// Oldest first.
  case ascending
  /// Newest first.
  case descending
  /// Newest first, by the time of making.
  case making
  /// By id, so that new codes come anywhere among the others.
  case ids
  /// By the dice, the same on every page of as many codes.
  case shuffled
}

/// A text in a code that a fault can spoil.
public enum TextField: String, Sendable, Hashable, Codable {
  /// The code itself.
  case code
  /// Who reserved it.
  case reservedFor
  /// Why it could not be synced.
  case error
}

/// The prefix of codes that somebody else makes.
public enum RivalPrefix: String, Sendable, Hashable, Codable {
  /// That of the request, or of the newest codes listed.
  case same
  /// None.
  case none
  /// Another one.
  case other
}

extension RivalPrefix {
  /// The prefix itself, beside codes that have this one.
  func text(like prefix: String?) -> String? {
    switch self {
    case .same: prefix
    case .none: nil
    case .other: "RIVAL"
    }
  }
}
