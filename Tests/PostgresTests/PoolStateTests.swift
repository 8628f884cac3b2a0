import Testing

@testable import Postgres

@Suite("what a pool decides")
struct PoolStateTests {
  private let refusal = PostgresError(.connectFailed, "nobody home")

  @Test("as many connections are begun as are missing, up to the limit")
  func connects() {
    var state = PoolState(limit: 2)
    #expect(state.request(Answer()).connects == 1)
    #expect(state.request(Answer()).connects == 1)
    #expect(state.request(Answer()).connects == 0)
    #expect(state.connecting == 2)
  }

  @Test("after a failure those who wait are told, and the next attempt waits for the backoff")
  func backoff() async {
    var state = PoolState(limit: 4)
    let first = Answer<Loan>()
    _ = state.request(first)
    let retry = Moment.after(.seconds(60))
    #expect(state.connectFailed(refusal, retry: retry).connects == 0)
    #expect(await first.outcome(by: .never, activity: "").error?.code == .connectFailed)
    let orders = state.request(Answer())
    #expect(orders.connects == 0)
    #expect(orders.alarm == retry)
    #expect(state.alarmRang(at: .now).connects == 0)
    #expect(state.alarmRang(at: retry).connects == 1)
  }

  @Test("a server that has failed is asked by one at a time")
  func one() {
    var state = PoolState(limit: 4)
    _ = state.request(Answer())
    let retry = Moment.now
    _ = state.connectFailed(refusal, retry: retry)
    for _ in 0..<4 { _ = state.request(Answer()) }
    #expect(state.alarmRang(at: retry).connects == 1)
    #expect(state.request(Answer()).connects == 0)
  }

  @Test("attempts that fail side by side are one failure")
  func sideBySide() {
    var state = PoolState(limit: 4)
    for _ in 0..<3 { _ = state.request(Answer()) }
    #expect(state.connecting == 3)
    let retry = Moment.now
    for _ in 0..<3 { _ = state.connectFailed(refusal, retry: retry) }
    #expect(state.failures == 1)
    _ = state.request(Answer())
    #expect(state.alarmRang(at: retry).connects == 1)
    _ = state.connectFailed(refusal, retry: .after(.seconds(60)))
    #expect(state.failures == 2)
  }

  @Test("who gave up is passed over, and forgotten")
  func forgotten() {
    var state = PoolState(limit: 1)
    let answer = Answer<Loan>()
    _ = state.request(answer)
    state.forget(answer)
    #expect(state.waiting.isEmpty)
  }

  @Test("a closed pool refuses")
  func closed() async {
    var state = PoolState(limit: 1)
    let before = Answer<Loan>()
    let after = Answer<Loan>()
    _ = state.request(before)
    #expect(state.close().isEmpty)
    #expect(state.request(after).connects == 0)
    #expect(await before.outcome(by: .never, activity: "").error?.code == .closed)
    #expect(await after.outcome(by: .never, activity: "").error?.code == .closed)
  }
}
