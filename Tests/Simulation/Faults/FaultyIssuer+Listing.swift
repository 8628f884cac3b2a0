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
    await pause(world.draw(.milliseconds(1)...longest))
    if Task.isCancelled { return .failure(.failed("cancelled")) }
    if api.missing.contains(reward) || api.unlistableUntil[reward] ?? 0 > world.now {
      return .failure(.refused(code: "http_404", message: "gone"))
    }
    if max(api.keyRefusedUntil, api.listFailsUntil) > world.now || world.happens(chaos.listFails) {
      return .failure(.failed("http_500"))
    }
    let isStale = world.happens(chaos.listStale)
    let isAtTheBound = isStale && world.happens(0.5)
    let staleness =
      isAtTheBound ? listingGap.nanoseconds : isStale ? world.draw(.zero...listingGap) : 0
    var shown = (api.codes[reward] ?? []).filter { $0.at <= world.now - staleness }.map(\.code)
    if !chaos.ignoresOrder { shown.reverse() }
    let page = shown.dropFirst(offset).prefix(min(limit, chaos.pageSize))
    var hidden = api.nulls
    if world.happens(chaos.listNull), let code = page.randomElement(using: &world.random) {
      hidden.insert(code.id)
    }
    let codes = page.filter { !hidden.contains($0.id) }
    let nulls = page.count - codes.count
    // What stands behind a null cannot be found for as long as it does.
    if nulls > 0 { stage.unseen.insert(reward) }
    let trailing = page.reversed().prefix { hidden.contains($0.id) }.count
    let isCached = world.happens(chaos.listFails / 10)
    let marks = "\(nulls > 0 ? ", \(nulls) null" : "")\(isCached ? ", cached" : "")"
    world.note(
      "\(host.name) lists \(reward.short) \(offset)+\(page.count) of \(shown.count), "
        + "\(staleness / 1_000_000) ms old\(marks)"
    )
    return .success(
      ListedPage(codes: codes, nulls: nulls, trailingNulls: trailing, isCached: isCached)
    )
  }
}
