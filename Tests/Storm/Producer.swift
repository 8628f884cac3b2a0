/// Wants codes: inserts jobs as long as the storm lasts, so that there is always enough to do.
struct Producer: Sendable {
  private static let rewards = 100
  private static let prefixes: [String?] = [nil, nil, "A-", "AB-", "SUMMER", "Ü1 ", "X"]

  let eye: Eye
  let seed: UInt64

  /// Inserts until cancelled.
  func run() async throws {
    var dice = Dice(seed, "jobs")
    var number = 0
    while true {
      let open = try await eye.number(
        "(SELECT coalesce(sum(count - issued), 0) FROM codemint.jobs WHERE finished_at IS NULL)"
      )
      if open < 60_000 {
        let rows = (0..<10).map { _ in
          number += 1
          return Self.row(number, &dice)
        }
        // The key makes it safe to repeat the statement after a lost acknowledgement.
        try await eye.run(
          """
          INSERT INTO codemint.jobs (reward_id, count, prefix, priority, dedupe_key)
          VALUES \(rows.joined(separator: ", "))
          ON CONFLICT (dedupe_key) DO NOTHING
          """
        )
      }
      try await Time.pass(.milliseconds(500))
    }
  }

  private static func row(_ number: Int, _ dice: inout Dice) -> String {
    let sizes: [ClosedRange<Int>] = [1...50, 1...50, 1...500, 400...1500, 3000...8000]
    let size = Int.random(in: sizes.randomElement(using: &dice) ?? 1...50, using: &dice)
    let reward = reward(Int.random(in: 0..<rewards, using: &dice))
    let prefix = (prefixes.randomElement(using: &dice) ?? nil).map { "'\($0)'" } ?? "NULL"
    let priority = Int.random(in: 3...6, using: &dice)
    return "('\(reward)', \(size), \(prefix), \(priority), 'storm-\(number)')"
  }

  private static func reward(_ number: Int) -> String {
    let digits = String(number)
    return "9a4e6c10-57d2-4b0f-8e21-" + String(repeating: "0", count: 12 - digits.count) + digits
  }
}
