/// Where a daemon runs: the words by which it is started.
struct Berth: Sendable {
  let program: String
  let arguments: [String]
  let environment: [String: String]
}
