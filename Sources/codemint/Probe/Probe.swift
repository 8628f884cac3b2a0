import OneOfNone
import Provisioning

/// Asks the API harmless questions about one reward, and keeps the forms of the answers.
struct Probe {
  /// A question, by what it is to show.
  enum Purpose: Hashable, Sendable, CaseIterable {
    case team, one, two, most, rest, behind, ascending, byChange, bySnakeCase, unknownReward
    case invalidCount
  }

  /// The answers so far, and why there are no more.
  struct Sightings: Sendable {
    var sights: [Purpose: Sight] = [:]
    var stop: CommandError?

    /// The pages of the reward.
    var pages: [Sight] {
      [.one, .two, .most, .rest, .ascending].compactMap { sights[$0] }.filter { $0.status == 200 }
    }
  }

  let reward: RewardID
  let client: APIClient
  let pace: RequestPace

  /// The questions whose answers show more when the reward has codes.
  static let pages: [Purpose] = [.one, .two, .most, .rest, .behind, .ascending]

  /// Asks these questions, and puts their answers in place of earlier ones. An end before the last question
  /// is a `stop`.
  func ask(_ purposes: [Purpose], _ found: inout Sightings) async {
    var random = SystemRandomNumberGenerator()
    let nobody = RewardID(UniqueID(random: &random))
    for purpose in purposes where found.stop == nil {
      guard let question = question(purpose, nobody, found) else { continue }
      do {
        let sight = try await ask(question)
        found.sights[purpose] = sight
        found.stop = Self.stop(after: sight, purpose)
      } catch is CancellationError {
        found.stop = Self.interruption
      } catch {
        found.stop =
          error as? CommandError ?? CommandError(.temporaryFailure, "\(error)")
      }
    }
  }

  static let interruption = CommandError(.temporaryFailure, "interrupted")

  private func question(_ purpose: Purpose, _ nobody: RewardID, _ found: Sightings) -> Question? {
    switch purpose {
    case .team: return .team
    case .one: return .list(reward, ListQuestion(limit: 1))
    case .two: return .list(reward, ListQuestion(limit: 2))
    case .most: return .list(reward, ListQuestion(limit: 1000, counts: true))
    case .rest:
      // A short page is the end of the list, or as long as pages can be.
      guard let page = found.sights[.most]?.page, (1..<1000).contains(page.count) else {
        return nil
      }
      return .list(reward, ListQuestion(limit: 1000, offset: page.count))
    case .behind: return .list(reward, ListQuestion(limit: 1, offset: 1_000_000_000))
    case .ascending: return .list(reward, ListQuestion(limit: 1000, order: "asc"))
    case .byChange: return .list(reward, ListQuestion(limit: 2, orderBy: "updatedAt"))
    case .bySnakeCase: return .list(reward, ListQuestion(limit: 2, orderBy: "created_at"))
    case .unknownReward: return .list(nobody, ListQuestion(limit: 1))
    case .invalidCount: return .invalidCount(nobody)
    }
  }

  /// Asks when there is a slot. A 429 is asked again after the pause that it asks for, a few times.
  private func ask(_ question: Question) async throws -> Sight {
    var sight: Sight
    var rounds = 0
    repeat {
      try await pace.wait()
      sight = await client.inspect(question)
      try Task.checkCancellation()
      try await pace.apply(sight.feedback)
      rounds += 1
    } while sight.status == 429 && rounds < 3
    return sight
  }

  private static func stop(after sight: Sight, _ purpose: Purpose) -> CommandError? {
    if let cause = sight.cause {
      return CommandError(.temporaryFailure, "the API does not answer: \(cause)")
    }
    let said = sight.error ?? ""
    switch (purpose, sight.status) {
    case (_, 401), (.team, 403):
      return CommandError(.noPermission, "the API refuses the key: \(said)")
    case (_, 429): return CommandError(.temporaryFailure, "the API refuses the pace: \(said)")
    case (.one, 403), (.one, 404), (.one, 410):
      return CommandError(.unavailable, "the API does not list this reward: \(said)")
    default: return nil
    }
  }
}
