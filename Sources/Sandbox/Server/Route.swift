/// What a request line asks for.
enum Route: Sendable, Equatable {
  case generate(UUIDBits)
  case list(UUIDBits)
  case sync(UUIDBits)
  case rewards
  case team
  case truth
  case requests
  case showFaults
  case setFaults
  case clearFaults

  /// Reads a method and a path without its query.
  /// - Throws: 404 for an unknown path, 405 for a wrong method, 400 for a reward id that is no UUID.
  init(method: String, path: String) throws(Refusal) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count >= 3, parts[0].isEmpty else { throw .unknownPath }
    let expected: String
    switch (parts[1], parts[2], parts.dropFirst(4).joined(separator: "/")) {
    case ("v1", "team", "") where parts.count == 3: (expected, self) = ("GET", .team)
    case ("v1", "rewards", "") where parts.count == 3: (expected, self) = ("GET", .rewards)
    case ("v1", "rewards", "codes/generate"):
      (expected, self) = ("POST", .generate(try Self.reward(parts[3])))
    case ("v1", "rewards", "codes"): (expected, self) = ("GET", .list(try Self.reward(parts[3])))
    case ("v1", "rewards", "sync"): (expected, self) = ("POST", .sync(try Self.reward(parts[3])))
    case ("sandbox", "truth", "") where parts.count == 3: (expected, self) = ("GET", .truth)
    case ("sandbox", "requests", "") where parts.count == 3: (expected, self) = ("GET", .requests)
    case ("sandbox", "faults", "") where parts.count == 3:
      guard let route = Self.ofFaults[method] else { throw .wrongMethod }
      (expected, self) = (method, route)
    default: throw .unknownPath
    }
    guard method == expected else { throw .wrongMethod }
  }

  private static let ofFaults: [String: Route] = [
    "GET": .showFaults, "PUT": .setFaults, "DELETE": .clearFaults,
  ]

  private static func reward(_ text: String) throws(Refusal) -> UUIDBits {
    guard let reward = UUIDBits(text) else {
      throw .invalid("the reward's id is not a UUID", field: "id")
    }
    return reward
  }
}
