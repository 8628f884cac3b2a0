/// How far one clock is ahead of another, known as a range of microseconds.
public struct ClockOffset: Hashable, Sendable {
  /// At least so much ahead.
  public let low: Int64
  /// At most so much ahead.
  public let high: Int64

  /// An offset from `low` to `high`.
  public init(low: Int64, high: Int64) {
    precondition(low <= high)
    self.low = low
    self.high = high
  }

  /// What it was at an earlier moment, less certain the longer ago: clocks can have drifted apart since,
  /// by one in a thousand (`codemint.clock_offset` reckons so from the measurement on).
  package func asOf(_ moment: Timestamp?, measuredBy now: Timestamp) -> ClockOffset {
    let age = moment.map { now.microseconds.subtractingReportingOverflow($0.microseconds) }
    guard let age, !age.overflow else { return self }
    let drift = max(0, min(age.partialValue, Duration.seconds(86_400).microseconds)) / 1000
    return ClockOffset(low: low - drift, high: high + drift)
  }
}

/// What the `createdAt` of a list is compared with (protocol, rule 10).
public enum TimeBasis: Hashable, Sendable {
  /// With an offset that clean answers showed, while witnesses in this very list have their answers'
  /// times.
  case calibrated(ClockOffset)
  /// With an offset that clean answers showed; no witness in this list tells whether it has the same
  /// times, but those in the reference have.
  case coarse(ClockOffset)
  /// With what is known of the API's clock: from answers, the `Date` of the list's own answer, or that it
  /// should be the database's. No list has been seen to mean its times as answers do: where it leaves a
  /// zone out, a code of now looks hours old, and what a call made would be excluded.
  case byDate(ClockOffset)
  /// Nothing: a witness has another time than in its answer, or answers contradict each other.
  case nothing

  /// What the times of a list can be compared with.
  ///
  /// - Parameters:
  ///   - offset: How far the API's clock is ahead, as clean answers showed.
  ///   - isDistrusted: Whether answers contradicted each other about that.
  ///   - evidence: What witnesses in the list show; nothing before it is read.
  ///   - reference: The same of the reference, if it was asked for.
  ///   - date: How far the API's clock is ahead by the list's own `Date`.
  public init(
    offset: ClockOffset?,
    isDistrusted: Bool,
    evidence: Evidence = Evidence(),
    reference: Evidence?,
    date: ClockOffset?
  ) {
    let differ = evidence.timesDiffer + (reference?.timesDiffer ?? 0)
    if isDistrusted || differ > 0 {
      self = .nothing
    } else if let offset, evidence.timesAgree > 0 {
      self = .calibrated(offset)
    } else if let offset, (reference?.timesAgree ?? 0) > 0 {
      self = .coarse(offset)
    } else {
      self = .byDate(offset ?? date ?? ClockOffset(low: 0, high: 0))
    }
  }

  /// Whether it is an offset that answers showed.
  var isLearnt: Bool {
    switch self {
    case .calibrated, .coarse: true
    case .byDate, .nothing: false
    }
  }

  /// When a call can have made codes, by the API's clock; nil if that excludes nothing.
  func window(of call: DoubtfulCall) -> ClosedRange<Timestamp>? {
    guard let start = start(of: call.earliest), let (offset, margin) = reckoning else { return nil }
    let end = call.effectiveUntil.microseconds + offset.high + margin
    return start...max(start, Timestamp(microseconds: end))
  }

  /// How far the API's clock may be from what answers showed: somebody sets it, or another machine of the
  /// API makes the codes.
  static let unsteadiness = Duration.seconds(120)

  /// The window of a call and what is around it. Whose codes were made there cannot be told if the API's
  /// clock is not steady. A call without an answer may also have taken effect later than it should have
  /// been able to.
  func surroundings(of call: DoubtfulCall) -> ClosedRange<Timestamp>? {
    guard let window = window(of: call) else { return nil }
    let margin = Self.unsteadiness.microseconds
    let start = Timestamp(microseconds: window.lowerBound.microseconds - margin)
    let end = call.isAnswered ? window.upperBound.microseconds + margin : Int64.max
    return start...Timestamp(microseconds: end)
  }

  /// The beginning of that window.
  public func start(of first: Timestamp) -> Timestamp? {
    guard let (offset, margin) = reckoning else { return nil }
    return Timestamp(microseconds: first.microseconds + offset.low - margin)
  }

  /// The offset, and by how much more a window is wider at both ends. This list has not been compared with
  /// a coarse offset, and no list with what is reckoned by date: no zone is more than 14 hours from UTC,
  /// or 26 from another one.
  private var reckoning: (offset: ClockOffset, margin: Int64)? {
    switch self {
    case .calibrated(let offset): (offset, 0)
    case .coarse(let offset): (offset, Duration.seconds(120).microseconds)
    case .byDate(let offset): (offset, Duration.seconds(26 * 3600).microseconds)
    case .nothing: nil
    }
  }
}

extension Timestamp {
  /// The moments that it can stand for, given its resolution.
  var span: ClosedRange<Timestamp> {
    let length = resolution.microseconds
    return Timestamp(
      microseconds: microseconds - length
    )...Timestamp(
      microseconds: microseconds + length
    )
  }
}
