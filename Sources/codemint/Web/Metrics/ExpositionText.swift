/// Measurements in Prometheus's text format, version 0.0.4.
struct ExpositionText {
  /// What `Content-Type` says of it.
  static let contentType = "text/plain; version=0.0.4; charset=utf-8"

  /// The text so far.
  private(set) var text = ""

  /// Begins a family: its samples have to follow at once.
  mutating func begin(_ family: MetricFamily) {
    text += "# HELP \(family.name) \(Self.escape(family.help))\n"
    text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
  }

  /// Writes one sample.
  mutating func sample(_ name: String, _ labels: [(String, String)] = [], _ value: Double) {
    text += name
    if !labels.isEmpty {
      let pairs = labels.map { "\($0.0)=\"\(Self.escapeLabel($0.1))\"" }
      text += "{" + pairs.joined(separator: ",") + "}"
    }
    text += " \(Self.number(value))\n"
  }

  /// Writes a family of one sample without labels.
  mutating func single(_ family: MetricFamily, _ value: Double) {
    begin(family)
    sample(family.name, [], value)
  }

  private static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    return value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
  }

  private static func escape(_ text: String) -> String {
    text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
  }

  private static func escapeLabel(_ text: String) -> String {
    escape(text).replacing("\"", with: "\\\"")
  }
}
