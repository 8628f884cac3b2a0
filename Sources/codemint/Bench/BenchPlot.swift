import Foundation

/// An SVG with throughput and memory of one run over time. It has a light and a dark scheme.
struct BenchPlot {
  let title: String
  let samples: [EndToEndRun.Sample]

  private static let width = 720.0
  private static let left = 70.0
  private static let right = 700.0

  /// The text of the SVG file.
  var svg: String {
    let speeds = zip(samples, samples.dropFirst()).map { before, after in
      (
        at: after.seconds,
        value: Double(after.codes - before.codes) / max(after.seconds - before.seconds, 0.001)
      )
    }
    let mebibyte = 1_048_576.0
    let resident = samples.map { (at: $0.seconds, value: Double($0.resident) / mebibyte) }
    let anonymous = samples.map { (at: $0.seconds, value: Double($0.anonymous) / mebibyte) }
    let end = samples.last?.seconds ?? 1
    return """
      <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 420" font-family="sans-serif"
        font-size="12">
      <style>
        text { fill: #444 } .axis { stroke: #999; stroke-width: 1; fill: none }
        .grid { stroke: #999; stroke-opacity: 0.25 } .line { fill: none; stroke-width: 2 }
        .one { stroke: #0969da } .two { stroke: #bf5600 }
        text.one { stroke: none; fill: #0969da } text.two { stroke: none; fill: #bf5600 }
        @media (prefers-color-scheme: dark) {
          text { fill: #ccc } .one { stroke: #58a6ff } .two { stroke: #f0883e }
          text.one { fill: #58a6ff } text.two { fill: #f0883e }
        }
      </style>
      <text x="\(Self.left)" y="18" font-size="14">\(title)</text>
      \(panel(top: 36, bottom: 196, unit: "codes/s", end: end, [("codes/s", "one", speeds)]))
      \(panel(top: 226, bottom: 386, unit: "MiB", end: end, [("resident", "one", resident), ("anonymous", "two", anonymous)]))
      <text x="\(Self.right)" y="412" text-anchor="end">seconds since the INSERT</text>
      </svg>

      """
  }

  private typealias Line = (name: String, style: String, points: [(at: Double, value: Double)])

  private func panel(
    top: Double,
    bottom: Double,
    unit: String,
    end: Double,
    _ lines: [Line]
  ) -> String {
    let most = Self.round(lines.flatMap(\.points).map(\.value).max() ?? 1)
    func x(_ seconds: Double) -> Double {
      Self.left + (Self.right - Self.left) * seconds / max(end, 0.001)
    }
    func y(_ value: Double) -> Double { bottom - (bottom - top) * value / most }
    var parts: [String] = []
    for step in 0...4 {
      let value = most * Double(step) / 4
      parts.append(
        "<path class=\"grid\" d=\"M\(Self.left) \(number(y(value)))H\(Self.right)\"/>"
          + "<text x=\"\(Self.left - 6)\" y=\"\(number(y(value) + 4))\" text-anchor=\"end\">"
          + "\(Int(value))</text>"
      )
    }
    for step in 0...4 {
      let seconds = end * Double(step) / 4
      parts.append(
        "<text x=\"\(number(x(seconds)))\" y=\"\(bottom + 15)\" text-anchor=\"middle\">"
          + "\(BenchReport.text(seconds, digits: 1))</text>"
      )
    }
    parts.append("<path class=\"axis\" d=\"M\(Self.left) \(top)V\(bottom)H\(Self.right)\"/>")
    for (place, line) in lines.enumerated() {
      let path = line.points.map { "\(number(x($0.at))) \(number(y($0.value)))" }
        .joined(separator: "L")
      if !path.isEmpty { parts.append("<path class=\"line \(line.style)\" d=\"M\(path)\"/>") }
      let label = line.name == unit ? unit : "\(line.name), \(unit)"
      parts.append(
        "<text class=\"\(line.style)\" x=\"\(Self.right)\" y=\"\(bottom - 10 - 16 * Double(place))\""
          + " text-anchor=\"end\">\(label)</text>"
      )
    }
    return parts.joined(separator: "\n")
  }

  private func number(_ value: Double) -> String { BenchReport.text(value, digits: 1) }

  /// The value rounded up to 1, 2, 4, 6, 8 or 10 times a power of ten, so that quarters are whole.
  private static func round(_ value: Double) -> Double {
    let power = pow(10, floor(log10(max(value, 4))))
    return ([1, 2, 4, 6, 8].first { $0 * power >= value } ?? 10) * power
  }
}
