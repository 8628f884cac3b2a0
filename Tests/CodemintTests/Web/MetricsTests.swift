import Foundation
import Ledger
import Provisioning
import Testing
import Worker

@testable import codemint

@Suite("metrics")
struct MetricsTests {
  @Test("what a worker counts is written with help, type and labels, from zero on")
  func worker() {
    let registry = MetricsRegistry()
    _ = WorkerMeters(registry)
    var text = ExpositionText()
    registry.write(MetricCatalogue.worker, to: &text)
    let lines = text.text.split(separator: "\n")
    #expect(lines.contains("# TYPE codemint_calls_total counter"))
    #expect(lines.contains(#"codemint_calls_total{outcome="in_doubt"} 0"#))
    #expect(lines.contains(#"codemint_call_duration_seconds_bucket{le="+Inf"} 0"#))
  }

  @Test("the worker and the catalogue have the same metrics")
  func catalogue() {
    let registry = MetricsRegistry()
    _ = WorkerMeters(registry)
    #expect(registry.labels == Set(MetricCatalogue.worker.map(\.name)))
  }

  @Test("a histogram counts each duration in every bucket whose bound it does not exceed")
  func histogram() {
    let registry = MetricsRegistry()
    let timer = registry.makeTimer(label: "codemint_call_duration_seconds", dimensions: [])
    for milliseconds in [3, 300, 90_000] as [Int64] {
      timer.recordNanoseconds(milliseconds * 1_000_000)
    }
    var text = ExpositionText()
    registry.write(MetricCatalogue.worker, to: &text)
    let name = "codemint_call_duration_seconds"
    for line in [
      "\(name)_bucket{le=\"0.0025\"} 0", "\(name)_bucket{le=\"0.005\"} 1",
      "\(name)_bucket{le=\"0.5\"} 2", "\(name)_bucket{le=\"60.0\"} 2",
      "\(name)_bucket{le=\"+Inf\"} 3", "\(name)_sum 90.303", "\(name)_count 3",
    ] { #expect(text.text.contains(line + "\n"), "\(line)") }
  }

  @Test("labels and help are escaped as the format requires")
  func escaping() {
    var text = ExpositionText()
    text.begin(MetricFamily(name: "x", kind: .gauge, help: "a\\b\nc"))
    text.sample("x", [("l", "\"q\"\\\n")], .infinity)
    #expect(
      text.text == """
        # HELP x a\\\\b\\nc
        # TYPE x gauge
        x{l="\\"q\\"\\\\\\n"} +Inf

        """
    )
  }
}
