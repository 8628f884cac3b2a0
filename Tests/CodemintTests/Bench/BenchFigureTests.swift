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
    "a second that slides finds the most that lie within one",
    arguments: [
      ([], 0), ([5], 1), ([0, 999_999_999], 2), ([0, 1_000_000_000], 1),
      ([0, 600_000_000, 1_100_000_000, 1_500_000_000, 3_000_000_000], 3),
    ] as [([UInt64], Int)]
  )
  func slidingSecond(moments: [UInt64], most: Int) {
    #expect(PaceRun.mostInOneSecond(moments) == most)
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

  @Test("a pace that was not kept makes a report that is not right")
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
