/// One row of `codemint.jobs` as a producer writes it.
struct Job: Sendable {
  let reward: String
  let count: Int
  var prefix: String?

  init(_ reward: String, _ count: Int, prefix: String? = nil) {
    self.reward = reward
    self.count = count
    self.prefix = prefix
  }

  /// As SQL.
  var row: String {
    "('\(reward)', \(count), \(prefix.map { "'\($0)'" } ?? "NULL"))"
  }
}

/// Rewards that tests speak of.
enum Reward {
  static let first = "3c90c3cc-0d44-4b50-8888-8dd25736052a"
  static let second = "7e0f4c1b-52d3-4f0e-9b6a-0c2a3d1e5f60"
  static let third = "b1a5d8f4-6c37-4e29-8d10-2f4b6a8c0e12"
  /// The stand-in does not know it.
  static let unknown = "00000000-0000-4000-8000-000000000404"

  /// Any number of them.
  static func numbered(_ number: Int) -> String {
    let digits = String(number)
    let zeros = String(repeating: "0", count: 12 - digits.count)
    return "5d0c7a52-9e1b-4c38-a6f4-\(zeros)\(digits)"
  }
}
