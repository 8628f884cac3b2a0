import Provisioning

/// Lists a reward's codes upstream, page by page, each page in a slot of the shared limiter. The ledger
/// weighs each page, and stages what it does not know.
struct Lister: Sendable {
  private let context: WorkerContext
  private let memory = ListingMemory()

  init(_ context: WorkerContext) {
    self.context = context
  }

  /// Reads one complete listing. Every page extends the lease on the reward.
  ///
  /// - Parameters:
  ///   - plan: What to list, and how far.
  ///   - listing: What the ledger stages the codes under.
  ///   - takenAt: When the case was taken, on this worker's clock.
  /// - Returns: What the list shows and the ledger does not know, or why nothing can be concluded.
  func list(
    _ plan: ListingPlan,
    as listing: ListingID,
    takenAt: Instant
  ) async -> Result<Listing, FailedListing> {
    var reading = Reading(plan, listing, takenAt: takenAt, now: context.clock.now)
    defer { memory.free(reading.share) }
    do throws(StoreError) {
      let listed = try await read(&reading)
      if let sight = reading.sight(listed, now: context.clock.now) {
        try await context.store.note(sight)
      }
      return listed
    } catch {
      _ = context.outage.failed(error, during: .listing(plan.reward))
      let failure = ListingFailure.notAsked("the ledger could not be asked: \(error)")
      return .failure(FailedListing(failure, counts: nil))
    }
  }

  private func read(_ reading: inout Reading) async throws(StoreError)
    -> Result<Listing, FailedListing>
  {
    let plan = reading.plan
    if let failure = try await readReference(&reading) { return .failure(failure) }
    let read = try await ListingReader(
      mustShow: plan.mustShow,
      since: plan.since(reference: reading.reference, date: nil)
    ).read(
      page: { (offset, limit) async throws(StoreError) in
        try await page(plan.reward, offset: offset, limit: limit, &reading)
      },
      keep: { (reader) async throws(StoreError) in try await weigh(&reader, &reading) }
    )
    return reading.result(read, now: context.clock.now)
  }

  /// A reward without a clean answer of its own borrows its evidence from the list of another one, before
  /// anything is read by its times (protocol, rule 10). That list's newest page has a witness, unless a
  /// thousand codes are newer than the newest clean answer, or the API gives another page than was asked
  /// for; then it is read on until one shows. If that list is refused, there is none.
  private func readReference(_ reading: inout Reading) async throws(StoreError) -> FailedListing? {
    guard reading.plan.mustShow.isEmpty, let reference = reading.plan.reference else { return nil }
    var (evidence, offset) = (Evidence(), 0)
    for _ in 0..<Bounds.listingPages {
      let shown = try await page(
        reference,
        offset: offset,
        limit: ListingReader.pageSize,
        &reading
      )
      switch shown {
      case .success(let page) where page.isStale:
        return reading.failure(.stale, now: context.clock.now)
      case .success(let page):
        evidence += try await context.store.weigh(
          page.codes,
          unreadable: [],
          of: reference,
          in: nil,
          worker: context.configuration.id
        ).evidence
        reading.reference = evidence
        offset += page.count
        if evidence.witnesses > 0 || page.count == 0 { return nil }
      case .failure(.refused):
        return nil
      case .failure(let failure):
        return reading.failure(failure, now: context.clock.now)
      }
    }
    return nil
  }

  private func page(
    _ reward: RewardID,
    offset: Int,
    limit: Int,
    _ reading: inout Reading
  ) async throws(StoreError) -> Result<ListedPage, ListingFailure> {
    let taken = reading.plan.reward
    let isTaken = ListingFailure.notAsked("another worker has taken the reward")
    guard try await context.keep(taken) else { return .failure(isTaken) }
    guard let delay = try await context.store.reserveSlot() else {
      return .failure(.notAsked("the account may not send now"))
    }
    // The lease is long enough for a request and five seconds before it.
    if delay > .seconds(5), try await !context.keep(taken, waiting: delay) {
      return .failure(isTaken)
    }
    context.outage.answered(.listing(taken))
    await context.pause(for: delay)
    guard !context.isDraining else { return .failure(.notAsked("the worker is stopping")) }
    reading.askedAt = context.clock.now
    let page = await context.askPage {
      await context.issuer.list(reward, offset: offset, limit: limit)
    }
    if case .success(let page) = page {
      reading.note(page, limit: limit, receivedAt: context.clock.now)
    }
    return page
  }

  /// Compares what a page shows for the first time with the ledger. A list that shows codes of other
  /// rewards beside its own says whose they are.
  private func weigh(_ reader: inout ListingReader, _ reading: inout Reading)
    async throws(StoreError) -> [FoundCode]
  {
    guard !reader.gathered.isEmpty || !reader.unreadable.isEmpty else { return [] }
    let own = reader.gathered.filter { $0.reward == reading.plan.reward }
    let weighed = try await context.store.weigh(
      own,
      unreadable: reader.unreadable,
      of: reading.plan.reward,
      in: reading.listing,
      worker: context.configuration.id
    )
    reading.evidence += weighed.evidence
    reader.recognized(weighed.recognized)
    reader.since = reading.since
    let unknown = Set(weighed.unknown)
    let codes = own.filter { unknown.contains($0.id) }
    reading.keep(codes, refused: weighed.refused)
    if let failure = memory.grow(&reading.share, to: reading.bytes(of: reader)) {
      reader.giveUp(failure)
    } else if reading.stagedBytes > Bounds.stagedBytes {
      let megabytes = reading.stagedBytes / 1_000_000
      reader.giveUp(.endless(reached: "\(megabytes) MB of codes that the ledger does not know"))
    }
    return codes.map(reading.plan.found)
  }
}

/// Why a listing came to nothing.
struct FailedListing: Error {
  let failure: ListingFailure
  /// If the list failed, for how long the page that failed was waited for: the time that counts for
  /// the doubt (protocol, rule 12). Not the time in which this worker waited for its slot.
  let counts: Duration?

  init(_ failure: ListingFailure, counts: Duration?) {
    self.failure = failure
    self.counts = counts
  }
}

/// What one reading of a list has shown so far.
private struct Reading {
  let plan: ListingPlan
  let listing: ListingID
  var evidence = Evidence()
  var reference: Evidence?
  /// What it takes of the memory that listings share.
  var share = ListingMemory.Share()
  /// Bytes of the texts that it has staged in the database.
  private(set) var stagedBytes = 0
  private var raw: [CodeID: IssuedCode] = [:]
  private var rawBytes = 0
  /// When the last page was asked for.
  var askedAt: Instant
  private let takenAt: Instant
  private let begunAt: Instant
  private var date: ClockOffset?
  private var largestPage = 0
  private var asked = 0
  /// Whether a cache answered, so that what is missing says nothing of the list.
  private var hasCachedPage = false

  init(_ plan: ListingPlan, _ listing: ListingID, takenAt: Instant, now: Instant) {
    self.plan = plan
    self.listing = listing
    self.takenAt = takenAt
    begunAt = now
    askedAt = now
  }

  /// Takes in the codes of a page that the ledger does not know. Those that the database refuses are kept
  /// here, the others are staged there.
  mutating func keep(_ codes: [IssuedCode], refused: Set<CodeID>) {
    for code in codes {
      let bytes = code.code.utf8.count + code.status.utf8.count + code.externalIDs.count
      if refused.contains(code.id) {
        raw[code.id] = code
        rawBytes += bytes + Bounds.listedCodeBytes
      } else {
        stagedBytes += bytes
      }
    }
  }

  /// The memory that is kept of the codes that were read.
  func bytes(of reader: ListingReader) -> Int {
    reader.size * Bounds.listedCodeBytes + rawBytes
  }

  /// From when on codes matter. Where a witness has another time than in its answer, time excludes
  /// nothing, and the list is read to its end (protocol, rule 10).
  var since: Timestamp? {
    plan.since(evidence: evidence, reference: reference, date: date)
  }

  /// Learns how large pages are, and from the first page with a `Date` how far the API's clock is ahead of
  /// the database's. The page was made between the moments of asking and receiving, and its date is cut to
  /// whole seconds.
  mutating func note(_ page: ListedPage, limit: Int, receivedAt: Instant) {
    largestPage = max(largestPage, page.count)
    asked = max(asked, limit)
    hasCachedPage = hasCachedPage || page.isStale
    guard date == nil, let shown = page.date else { return }
    date = ClockOffset(
      low: shown.microseconds - database(receivedAt),
      high: shown.microseconds + Duration.seconds(1).microseconds - database(askedAt)
    )
  }

  /// What it showed of the API itself, and how it ended; nil if it was given up for a reason of our own.
  func sight(_ listed: Result<Listing, FailedListing>, now: Instant) -> ListingSight? {
    var failure: ListingFailure?
    if case .failure(let failed) = listed { failure = failed.failure }
    guard failure?.isOfTheList ?? true else { return nil }
    return ListingSight(
      reward: plan.reward,
      largestPage: largestPage,
      asked: asked,
      behind: failure == .stale && !hasCachedPage ? now - begunAt : nil,
      error: failure?.message
    )
  }

  private func database(_ instant: Instant) -> Int64 {
    plan.now.microseconds + (instant - takenAt).microseconds
  }

  func failure(_ failure: ListingFailure, now: Instant) -> FailedListing {
    FailedListing(failure, counts: failure.isOfTheList ? now - askedAt : nil)
  }

  func result(
    _ read: Result<(kept: [FoundCode], nulls: Int), ListingFailure>,
    now: Instant
  ) -> Result<Listing, FailedListing> {
    switch read {
    case .success(let (kept, nulls)):
      return .success(listed(kept, nulls: nulls))
    case .failure(.refused(_, _, isMissing: true)) where plan.mayBeMissing:
      return .success(listed([], nulls: 0))
    case .failure(let failure):
      return .failure(self.failure(failure, now: now))
    }
  }

  private func listed(_ codes: [FoundCode], nulls: Int) -> Listing {
    Listing(
      id: listing,
      codes: codes,
      nulls: nulls,
      evidence: evidence,
      reference: reference,
      date: date,
      raw: raw.isEmpty ? [] : codes.compactMap { raw[$0.id] }
    )
  }
}
