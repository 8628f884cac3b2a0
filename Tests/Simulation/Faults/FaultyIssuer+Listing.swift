import Provisioning

extension FaultyIssuer {
  func list(_ reward: RewardID, offset: Int, limit: Int) async -> Result<
    ListedPage, ListingFailure
  > {
    let (world, chaos) = (api.stage.world, api.stage.chaos)
    await pause(world.draw(.milliseconds(1)...(.milliseconds(200))))
    if Task.isCancelled { return .failure(.failed("cancelled")) }
    if api.missing.contains(reward) { return .failure(.refused(code: "http_404", message: "gone")) }
    if api.keyRefusedUntil > world.now || world.happens(chaos.listFails) {
      return .failure(.failed("http_500"))
    }
    let staleness = world.happens(chaos.listStale) ? world.draw(.zero...settle) : 0
    var shown = (api.codes[reward] ?? []).filter { $0.at <= world.now - staleness }.map(\.code)
    if !chaos.ignoresOrder { shown.reverse() }
    let page = shown.dropFirst(offset).prefix(min(limit, chaos.pageSize))
    var codes = Array(page)
    var (nulls, trailing) = (0, 0)
    if !codes.isEmpty, world.happens(chaos.listNull) {
      let place = Int.random(in: codes.indices, using: &world.random)
      codes.remove(at: place)
      nulls = 1
      trailing = place == codes.count ? 1 : 0
    }
    world.note("\(host.name) lists \(offset)+\(page.count) of \(shown.count), \(nulls) null")
    return .success(
      ListedPage(
        codes: codes,
        nulls: nulls,
        trailingNulls: trailing,
        isCached: world.happens(chaos.listFails / 10)
      )
    )
  }
}
