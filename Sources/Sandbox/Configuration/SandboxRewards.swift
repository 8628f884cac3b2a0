/// Which rewards exist; every other one answers 404. Ids are UUIDs in any case.
public enum SandboxRewards: Sendable, Hashable {
  /// Every UUID is a reward, but for these.
  case any(except: Set<String> = [])
  /// Only these are rewards.
  case only(Set<String>)
}
