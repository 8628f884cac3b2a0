import Provisioning

extension FaultyIssuer {
  func listChanges(_ reward: RewardID, offset: Int, limit: Int) async -> Result<
    ListedPage, ListingFailure
  > {
    await list(reward, offset: offset, limit: limit)
  }

  func resync(_ reward: RewardID, system: SyncSystem) async -> ResyncAnswer {
    let (world, chaos) = (api.stage.world, api.stage.chaos)
    await pause(world.draw(.milliseconds(1)...(.milliseconds(200))))
    return world.happens(chaos.listFails) ? .failed("http_500") : .accepted
  }
}
