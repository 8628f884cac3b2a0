import Testing

@testable import codemint

@Suite("The figures of codemint bench")
struct BenchFigureTests {
  @Test("shares are values that were measured, whatever their order")
  func shares() throws {
    let shares = try #require(Shares((1...100).map(Double.init).shuffled()))
    #expect(shares.p50 == 51)
    #expect(shares.p95 == 96)
    #expect(shares.p99 == 100)
    #expect(shares.most == 100)
    #expect(shares.count == 100)
    #expect(Shares([7])?.p99 == 7)
    #expect(Shares([]) == nil)
  }

  @Test(
    "a sliding second finds the most values within one second",
    arguments: [
      ([], 0), ([5], 1), ([0, 999_999_999], 2), ([0, 1_000_000_000], 1),
      ([0, 600_000_000, 1_100_000_000, 1_500_000_000, 3_000_000_000], 3),
    ] as [([UInt64], Int)]
  )
  func slidingSecond(moments: [UInt64], most: Int) {
    #expect(PaceRun.mostInOneSecond(moments) == most)
  }

  @Test("claims among many jobs are compared with claims among few by their medians")
  func growth() throws {
    let steps = try [(1000, 2.0), (10_000, 9.0), (100_000, 3.0)].map { waiting, median in
      ClaimRun.Figures.Step(waiting: waiting, milliseconds: try #require(Shares([median])))
    }
    #expect(ClaimRun.Figures(steps: steps).growth == 1.5)
    #expect(ClaimRun.Figures(steps: [steps[0]]).growth == nil)
  }

  @Test(
    "an idle daemon may use 0.02 seconds of CPU and 16 transactions in 30 seconds",
    arguments: [
      (30, 0.02, 16, true), (30, 0.03, 16, false), (30, 0.02, 17, false), (60, 0.04, 32, true),
    ]
  )
  func idle(seconds: Int, cpu: Double, transactions: Int, isFrugal: Bool) {
    let figures = IdleRun.Figures(
      seconds: seconds,
      cpu: cpu,
      transactions: transactions,
      resident: 0,
      anonymous: 0
    )
    #expect(figures.isFrugal == isFrugal)
  }

  @Test("a plot is one SVG with a point for each sample")
  func plot() {
    let samples = (0...3).map { number in
      EndToEndRun.Sample(
        seconds: Double(number),
        codes: number * 1000,
        resident: 40 << 20,
        anonymous: 10 << 20
      )
    }
    let svg = BenchPlot(title: "a run", samples: samples).svg
    #expect(svg.hasPrefix("<svg ") && svg.hasSuffix("</svg>\n"))
    let lines = svg.split(separator: "\n").filter { $0.contains("class=\"line") }
    // Throughput lies between two samples, memory at each.
    #expect(lines.map { $0.count { $0 == "L" } } == [2, 3, 3])
    #expect(BenchPlot(title: "nothing", samples: []).svg.contains("nothing"))
  }

  @Test("a rate limit that was not kept or not used makes the report wrong")
  func pace() throws {
    let gaps = try #require(Shares([50]))
    var report = BenchReport(codemint: "1", postgres: "15", machine: Machine())
    #expect(report.isRight)
    for (most, refused, used, isRight) in [
      (20, 0, 0.99, true), (21, 0, 0.99, false), (20, 1, 0.99, false), (20, 0, 0.9, false),
    ] {
      report.pace = [
        PaceRun.Figures(
          daemons: 1,
          requestsPerSecond: 20,
          requests: 600,
          mostInOneSecond: most,
          refused: refused,
          used: used,
          gaps: gaps
        )
      ]
      #expect(report.isRight == isRight)
    }
  }
}
