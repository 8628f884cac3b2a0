import Provisioning

extension FaultyIssuer {
  func list(_ reward: RewardID, offset: Int, limit: Int) async
    -> Paced<Result<ListedPage, ListingFailure>>
  {
    Paced(await page(of: reward, offset: offset, limit: limit))
  }

  func listChanges(_ reward: RewardID, offset: Int, limit: Int) async
    -> Paced<Result<ListedPage, ListingFailure>>
  {
    await list(reward, offset: offset, limit: limit)
  }

  func resync(_ reward: RewardID, system: SyncSystem) async -> Paced<ResyncAnswer> {
    await pause(world.draw(.milliseconds(1)...(.milliseconds(200))))
    return Paced(world.happens(stage.chaos.listFails) ? .failed("http_500") : .accepted)
  }

  private func page(of reward: RewardID, offset: Int, limit: Int) async
    -> Result<ListedPage, ListingFailure>
  {
    let chaos = stage.chaos
    let longest: Duration = world.happens(chaos.listSlow) ? .seconds(8) : .milliseconds(200)
    let askedAt = world.now
    await pause(world.draw(.milliseconds(1)...longest))
    if Task.isCancelled { return .failure(.failed("cancelled")) }
    if let failure = failure(of: reward) {
      var isRefused = false
      if case .refused = failure { isRefused = true }
      stage.troubles.listFailed(reward, at: world.now, isRefused: isRefused)
      world.note("\(host.name) cannot list \(reward.short)\(isRefused ? ", it is refused" : "")")
      return .failure(failure)
    }
    let isCached = world.happens(chaos.listCached)
    let age = isCached ? cachedFor() : staleness()
    let shown = listed(reward, asOf: world.now - age)
    let page = shown.dropFirst(offset).prefix(min(limit, stage.nature.pageSize))
    var nulls = api.nulls
    if world.happens(chaos.listNull), let code = page.randomElement(using: &world.random) {
      nulls.insert(code.id)
    }
    let codes = page.filter { !nulls.contains($0.id) }
    let nullCount = page.count - codes.count
    // What stands behind a null cannot be found for as long as it does.
    if nullCount > 0 { stage.unseen.insert(reward) }
    let trailing = page.reversed().prefix { nulls.contains($0.id) }.count
    // A page that was made after it was asked for is fresh, whatever its age.
    let isStale = isCached && stage.nature.tellsAge && world.now - age < askedAt
    if isStale || age > 0 || nullCount > 0 { stage.troubles.listFailed(reward, at: world.now) }
    let marks = "\(nullCount > 0 ? ", \(nullCount) null" : "")\(isStale ? ", with its age" : "")"
    world.note(
      "\(host.name) lists \(reward.short) \(offset)+\(page.count) of \(shown.count), "
        + "\(age / 1_000_000) ms old\(marks)"
    )
    return .success(
      ListedPage(
        codes: codes,
        nulls: nullCount,
        trailingNulls: trailing,
        isStale: isStale,
        date: stage.nature.date?.shown(stage.readAPIClock() / 1000)
      )
    )
  }

  private func failure(of reward: RewardID) -> ListingFailure? {
    if api.isDownUntil > world.now { return .failed("no connection") }
    if api.missing.contains(reward) || api.unlistableUntil[reward] ?? 0 > world.now {
      return .refused(code: "http_404", message: "gone")
    }
    if max(api.keyRefusedUntil, api.listFailsUntil) > world.now
      || world.happens(stage.chaos.listFails)
    {
      let pauses: [Duration?] = [nil, nil, .seconds(1), .seconds(60)]
      return .failed("http_500", retryAfter: pauses.randomElement(using: &world.random) ?? nil)
    }
    return nil
  }

  /// By how much a page is out of date that nobody would notice.
  private func staleness() -> Int64 {
    guard world.happens(stage.chaos.listStale) else { return 0 }
    return world.happens(0.5) ? stage.chaos.lag.nanoseconds : world.draw(.zero...stage.chaos.lag)
  }

  /// How long a page has been in a cache: longer than a list may be out of date only if that is told.
  private func cachedFor() -> Int64 {
    world.draw(.seconds(1)...(stage.nature.tellsAge ? .seconds(600) : stage.chaos.lag))
  }

  /// The codes that the list had at a time, in its order.
  private func listed(_ reward: RewardID, asOf time: Int64) -> [IssuedCode] {
    let shown = made(reward).filter { $0.at <= time && !api.hidden.contains($0.code.id) }
      .map(\.listed)
    return switch stage.nature.order {
    case .newestFirst: shown.reversed()
    case .oldestFirst: shown
    case .any: shown.sorted { $0.id < $1.id }
    }
  }

  /// The codes of the list, from the oldest on.
  private func made(_ reward: RewardID) -> [SimulatedAPI.Made] {
    let nature = stage.nature
    guard nature.isSortedByTime || nature.unfiltered.contains(reward) else {
      return api.codes[reward] ?? []
    }
    let rewards = nature.unfiltered.contains(reward) ? api.codes.keys.sorted() : [reward]
    return rewards.flatMap { api.codes[$0] ?? [] }.sorted { one, other in
      nature.isSortedByTime
        ? (one.created, one.code.id) < (other.created, other.code.id)
        : (one.at, one.code.id) < (other.at, other.code.id)
    }
  }
}
