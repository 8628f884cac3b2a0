import Backstage
import Foundation
import Testing

@Suite("codemint bench", .timeLimit(Patience.limit))
struct BenchTests {
  @Test("it measures what it is asked to, ends with status 0 and tells it as JSON")
  func measures() async throws {
    let path = ProcessInfo.processInfo.environment["PATH"]
    let bench = try CodemintProcess(
      ["bench", "big", "many", "wake", "--codes", "2000", "--jobs", "7", "--wakes", "3", "--json"],
      environment: path.map { ["PATH": $0] } ?? [:]
    )
    let ending: CodemintProcess.Ending
    do {
      ending = try await bench.end()
    } catch {
      await bench.bury()
      throw error
    }
    #expect(ending == .status(0), "\(bench.errors.all)")
    let text = bench.output.all.joined(separator: "\n")
    let report = try JSONDecoder().decode(Report.self, from: Data(text.utf8))
    #expect(report.big.codes == 2000 && report.big.jobs == 1)
    #expect(report.many.codes == 2000 && report.many.jobs == 7)
    for run in [report.big, report.many] {
      #expect(run.codesPerSecond > 0 && run.copyPerSecond > 0 && run.peakResident > 0)
      #expect(run.samples.last?.codes == 2000)
    }
    #expect(report.wake.milliseconds.count == 3 && report.wake.milliseconds.p50 > 0)
  }

  @Test("sizes that make no sense are refused before anything is started")
  func refused() async throws {
    for arguments in [["--codes", "0"], ["--jobs", "0"], ["--seconds", "0"], ["everything"]] {
      let bench = try CodemintProcess(["bench"] + arguments, environment: [:])
      #expect(try await bench.end() == .status(64))
    }
  }

  private struct Report: Decodable {
    struct Run: Decodable {
      struct Sample: Decodable {
        let codes: Int
      }

      let codes: Int
      let jobs: Int
      let codesPerSecond: Double
      let copyPerSecond: Double
      let ledgerCPU: Double
      let peakResident: Int
      let samples: [Sample]
    }

    struct Wake: Decodable {
      struct Shares: Decodable {
        let p50: Double
        let count: Int
      }

      let milliseconds: Shares
    }

    let big: Run
    let many: Run
    let wake: Wake
  }
}
