/// Says what does not come to its end, for a person to look into.
struct Stuck {
  private static let questions = [
    ("jobs", "SELECT * FROM codemint.jobs WHERE finished_at IS NULL OR held ORDER BY id LIMIT 20"),
    (
      "calls",
      """
      SELECT * FROM codemint.calls WHERE state IN ('sending', 'in_doubt')
      ORDER BY created_at LIMIT 20
      """
    ),
    (
      "rewards",
      """
      SELECT * FROM codemint.rewards
      WHERE closed_at IS NOT NULL OR in_flight > 0 OR paused_until > clock_timestamp() LIMIT 20
      """
    ),
    ("account", "SELECT * FROM codemint.accounts"),
    (
      "workers",
      """
      SELECT process, seen_at, expires_at > clock_timestamp() AS lives FROM codemint.workers
      ORDER BY seen_at DESC LIMIT 8
      """
    ),
  ]

  private let arena: Arena

  init(_ arena: Arena) {
    self.arena = arena
  }

  func explain() async {
    Console.say("this is how it stands:")
    for (subject, question) in Self.questions {
      do {
        let lines = try await arena.eye.lines(question)
        Console.say("\(subject):")
        lines.forEach { Console.say("  \($0)") }
      } catch {
        Console.say("\(subject): \(error)")
      }
    }
    Console.say("what the daemons said last:")
    await arena.fleet.lastWords.forEach { Console.say($0) }
  }
}
