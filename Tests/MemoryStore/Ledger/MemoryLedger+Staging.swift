public import Provisioning

/// What a listing of a taken reward has staged: rows of `codemint.listed_codes`.
struct Staging: Hashable, Sendable {
  let listing: ListingID
  var codes: [CodeID: IssuedCode] = [:]
}

extension MemoryLedger {
  /// Compares the codes of a page with the ledger, and stages those that it does not know:
  /// `codemint.weigh_page`.
  public mutating func weigh(
    _ shown: [IssuedCode],
    unreadable: [CodeID],
    of reward: RewardID,
    in listing: ListingID?,
    worker: WorkerID
  ) -> WeighedPage {
    let evidence = evidence(of: shown.filter { !ContentRule.refuses($0) })
    guard let listing else { return WeighedPage(unknown: [], evidence: evidence) }
    let unknown = shown.filter { !isKnown($0.id) }
    let refused = unknown.filter(ContentRule.refuses)
    let storable = unknown.filter { !ContentRule.refuses($0) }
    if rewards[reward]?.reconciler == worker, !storable.isEmpty {
      var staged = staging[reward] ?? Staging(listing: listing)
      if staged.listing != listing { staged = Staging(listing: listing) }
      for code in storable where staged.codes[code.id] == nil { staged.codes[code.id] = code }
      staging[reward] = staged
    }
    return WeighedPage(
      unknown: unknown.map(\.id),
      refused: Set(refused.map(\.id)),
      recognized: unreadable.count(where: isKnown),
      evidence: evidence
    )
  }

  /// What is staged under a listing that is still the reward's.
  func staged(_ listing: ListingID, of reward: RewardID) -> [CodeID: IssuedCode] {
    guard let staging = staging[reward], staging.listing == listing else { return [:] }
    return staging.codes
  }

  /// Takes these codes out of what is staged, oldest first; codes without a time come last.
  mutating func unstage(_ ids: [CodeID], of reward: RewardID) -> [IssuedCode] {
    ids.compactMap { staging[reward]?.codes.removeValue(forKey: $0) }.sorted(by: Self.isOlder)
  }

  static func isOlder(_ one: IssuedCode, _ other: IssuedCode) -> Bool {
    (one.createdAt?.microseconds ?? .max, one.id)
      < (other.createdAt?.microseconds ?? .max, other.id)
  }

  /// Codes that are stored, and codes that a whole listing set aside for a held call.
  private func isKnown(_ id: CodeID) -> Bool {
    if codes[id] != nil { return true }
    if let call = rawCodes[id] { return !(calls[call]?.isInDoubt ?? false) }
    guard let row = unattributed[id] else { return false }
    guard let call = row.call.flatMap({ calls[$0] }) else { return true }
    return call.call.reward == row.code.reward && call.holdReason != nil
      && (call.heldAt == nil || call.hasSeenAll)
  }

  /// What the witnesses among these codes show of the list: `codemint.weigh_witnesses`.
  private func evidence(of shown: [IssuedCode]) -> Evidence {
    var evidence = Evidence()
    for code in shown {
      guard let row = codes[code.id], row.isFromAnswer, !row.isPurged else { continue }
      evidence.witnesses += 1
      if row.code.code != code.code { evidence.textsDiffer += 1 }
      if let one = row.code.createdAt, let other = code.createdAt {
        let margin = one.resolution.microseconds + other.resolution.microseconds
        let agrees = abs(one.microseconds - other.microseconds) <= margin
        if agrees { evidence.timesAgree += 1 } else { evidence.timesDiffer += 1 }
      }
      guard let prefix = row.job.flatMap({ jobs[$0]?.prefix }) else { continue }
      if code.hasPrefix(prefix) {
        evidence.literalPrefixes.insert(prefix)
      } else {
        evidence.alteredPrefixes.insert(prefix)
      }
    }
    return evidence
  }
}
