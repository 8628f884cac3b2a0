/// What codes that are known from answers, the witnesses, show of a list: how far what it says of other
/// codes can be believed (protocol, rules 10 and 11).
public struct Evidence: Hashable, Sendable {
  /// Listed codes whose rows were stored from answers and have not been purged.
  public var witnesses: Int
  /// Those of them that the list shows with another text than their answers did.
  public var textsDiffer: Int
  /// Those whose `createdAt` in the list and in the answer are the same, as far as both tell.
  public var timesAgree: Int
  /// Those whose times are not.
  public var timesDiffer: Int
  /// Prefixes that were asked for, and that the listed text of a witness begins with.
  public var literalPrefixes: Set<String>
  /// Prefixes that were asked for, and that the listed text of a witness does not begin with.
  public var alteredPrefixes: Set<String>

  /// Evidence of these parts; by default there is none.
  public init(
    witnesses: Int = 0,
    textsDiffer: Int = 0,
    timesAgree: Int = 0,
    timesDiffer: Int = 0,
    literalPrefixes: Set<String> = [],
    alteredPrefixes: Set<String> = []
  ) {
    self.witnesses = witnesses
    self.textsDiffer = textsDiffer
    self.timesAgree = timesAgree
    self.timesDiffer = timesDiffer
    self.literalPrefixes = literalPrefixes
    self.alteredPrefixes = alteredPrefixes
  }

  /// Whether a witness has this prefix, so that what becomes of it is seen.
  func knows(_ prefix: String) -> Bool {
    literalPrefixes.contains(prefix) || alteredPrefixes.contains(prefix)
  }

  /// Adds what another page shows.
  public static func += (evidence: inout Evidence, other: Evidence) {
    evidence.witnesses += other.witnesses
    evidence.textsDiffer += other.textsDiffer
    evidence.timesAgree += other.timesAgree
    evidence.timesDiffer += other.timesDiffer
    evidence.literalPrefixes.formUnion(other.literalPrefixes)
    evidence.alteredPrefixes.formUnion(other.alteredPrefixes)
  }
}

/// What the ledger says of the codes of one page.
public struct WeighedPage: Hashable, Sendable {
  /// Codes that the ledger does not know, in the order of the page.
  public let unknown: [CodeID]
  /// Those of the unknown codes that the database refuses for their content, so that they are not
  /// staged (protocol, rule 8).
  public let refused: Set<CodeID>
  /// How many of the unreadable items the ledger knows by their ids.
  public let recognized: Int
  /// What the codes that it does know show of the list.
  public let evidence: Evidence

  /// A page with these parts; by default the database refuses nothing.
  public init(
    unknown: [CodeID],
    refused: Set<CodeID> = [],
    recognized: Int = 0,
    evidence: Evidence
  ) {
    self.unknown = unknown
    self.refused = refused
    self.recognized = recognized
    self.evidence = evidence
  }
}
