internal import Synchronization

/// Every generate request, and the latest of the others.
final class RequestLog: Sendable {
  /// A generate request in few bytes; see `GenerateRequest` for the meanings.
  struct Generate: Sendable {
    let reward: UUIDBits
    let arrivedAt: UInt64
    var count: Int32 = -1
    var made: Int32 = 0
    var status: Int16 = -1
    var answer = GenerateRequest.Answer.none
    /// Names of the faults that struck, with spaces between.
    var faults: String?
  }

  struct List: Sendable {
    let reward: UUIDBits
    let arrivedAt: UInt64
    var status: Int16 = -1
    var faults: String?
  }

  /// Requests that are only counted.
  enum Counted: Int, Sendable, CaseIterable {
    case sync, rewards, team
  }

  private struct State {
    var generate: [Generate] = []
    var list: [List] = []
    var listCount = 0
    var counted = Array(repeating: 0, count: Counted.allCases.count)
  }

  /// How many list requests are remembered; a sandbox may be polled for days.
  static let listCapacity = 65_536

  private let state = Mutex(State())

  var generateCount: Int { state.withLock { $0.generate.count } }
  var listCount: Int { state.withLock { $0.listCount } }
  func count(of kind: Counted) -> Int { state.withLock { $0.counted[kind.rawValue] } }

  /// Notes that a generate request arrived, and numbers it from 1.
  func generateArrived(_ reward: UUIDBits, at moment: UInt64) -> Int {
    state.withLock { state in
      state.generate.append(Generate(reward: reward, arrivedAt: moment))
      return state.generate.count
    }
  }

  /// Notes what is known by now about a generate request.
  func update(generate number: Int, _ change: (inout Generate) -> Void) {
    state.withLock { change(&$0.generate[number - 1]) }
  }

  /// Notes that a list request arrived, and numbers it from 1.
  func listArrived(_ reward: UUIDBits, at moment: UInt64) -> Int {
    state.withLock { state in
      let list = List(reward: reward, arrivedAt: moment)
      if state.list.count < Self.listCapacity {
        state.list.append(list)
      } else {
        state.list[state.listCount % Self.listCapacity] = list
      }
      state.listCount += 1
      return state.listCount
    }
  }

  /// Notes what is known by now about a list request, unless it has been forgotten.
  func update(list number: Int, _ change: (inout List) -> Void) {
    state.withLock { state in
      guard state.listCount - number < Self.listCapacity else { return }
      change(&state.list[(number - 1) % Self.listCapacity])
    }
  }

  /// Counts a request that is not kept, and numbers it from 1 among its like.
  func arrived(_ kind: Counted) -> Int {
    state.withLock { state in
      state.counted[kind.rawValue] += 1
      return state.counted[kind.rawValue]
    }
  }

  func generateRequests() -> [Generate] { state.withLock { $0.generate } }

  /// The list requests remembered, in order of arrival.
  func listRequests() -> [List] {
    let (list, count) = state.withLock { ($0.list, $0.listCount) }
    guard count > Self.listCapacity else { return list }
    let oldest = count % Self.listCapacity
    return Array(list[oldest...] + list[..<oldest])
  }
}
