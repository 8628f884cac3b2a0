import Testing

@testable import Postgres

@Suite("threads and the clock")
struct ThreadTests {
  @Test("a pause doubles up to its limit, and is never short of half of it")
  func backoff() {
    let least = (1...8).map { ConnectBackoff.pause(afterFailures: $0, chance: 0).wholeMilliseconds }
    let most = (1...8).map { ConnectBackoff.pause(afterFailures: $0, chance: 1).wholeMilliseconds }
    #expect(least == [50, 100, 200, 400, 800, 1600, 2500, 2500])
    #expect(most == [100, 200, 400, 800, 1600, 3200, 5000, 5000])
    #expect(ConnectBackoff.pause(afterFailures: .max, chance: 1) == .seconds(5))
  }

  @Test("the executor runs what it is given in order, on one thread, and can go from there")
  func executor() async throws {
    let recorder = Recorder()
    let gate = Gate()
    do {
      let executor = try ThreadExecutor()
      for number in 0..<100 { executor.run { recorder.note(number) } }
      executor.run { [executor] in
        _ = executor
        gate.open()
      }
    }
    await gate.wait()
    #expect(recorder.notes == Array(0..<100))
  }

  @Test("a dropped connection's executor goes with it")
  func lifetime() async throws {
    weak var executor: ThreadExecutor?
    let gone = Gate()
    do {
      let strong = try ThreadExecutor()
      executor = strong
      let witness = Witness { gone.open() }
      strong.run { _ = witness }
    }
    await gone.wait()
    while executor != nil { await Task.yield() }
  }

  @Test("alarms fire at their time in the right order, unless cancelled")
  func alarms() async {
    let recorder = Recorder()
    let gate = Gate()
    let start = Moment.now.nanoseconds
    _ = Alarm.shared.schedule(at: Moment(nanoseconds: start + 30_000_000)) {
      recorder.note(3)
      gate.open()
    }
    _ = Alarm.shared.schedule(at: Moment(nanoseconds: start + 10_000_000)) { recorder.note(1) }
    let cancelled = Alarm.shared.schedule(at: Moment(nanoseconds: start + 20_000_000)) {
      recorder.note(2)
    }
    let isInTime = Alarm.shared.cancel(cancelled)
    await gate.wait()
    #expect(recorder.notes == (isInTime ? [1, 3] : [1, 2, 3]))
  }

  @Test("durations beyond 64 bits are clamped")
  func clamped() {
    #expect(Duration.seconds(Int64.max).wholeMicroseconds == .max)
    #expect(Duration.seconds(Int64.min).wholeMicroseconds == .min)
    #expect(Duration.nanoseconds(1_500_000).wholeMicroseconds == 1500)
    #expect(Moment.after(.seconds(Int64.max)) == .never)
  }

  @Test("what libpq quotes of a URL is left out, but a newer option is named")
  func quotes() {
    #expect(!ConnectionOptions.withoutQuotes(#"bad "sesame"open" here"#).contains("open"))
    #expect(
      ConnectionOptions.withoutQuotes(#"invalid URI query parameter: "require_auth""#)
        .contains("require_auth needs libpq 16")
    )
  }
}

private final class Witness: Sendable {
  let gone: @Sendable () -> Void
  init(_ gone: @escaping @Sendable () -> Void) { self.gone = gone }
  deinit { gone() }
}
