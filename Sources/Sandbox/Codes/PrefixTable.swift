/// The prefixes in use, each kept once.
struct PrefixTable: Sendable {
  /// Keyed by escaped bytes: Swift takes texts for equal that differ in their code points.
  private var indices: [[UInt8]: Int32] = [:]
  private var prefixes: [(text: String, escaped: [UInt8])] = []

  /// Where a prefix is kept; -1 for none.
  mutating func index(of prefix: String?) -> Int32 {
    guard let prefix else { return -1 }
    let escaped = JSONText.escaped(prefix)
    if let known = indices[escaped] { return known }
    let index = Int32(prefixes.count)
    prefixes.append((prefix, escaped))
    indices[escaped] = index
    return index
  }

  /// The bytes of a prefix inside a JSON string; none for -1.
  func escaped(_ index: Int32) -> [UInt8] {
    index < 0 ? [] : prefixes[Int(index)].escaped
  }

  /// A prefix as it was asked for; empty for -1.
  func text(_ index: Int32) -> String {
    index < 0 ? "" : prefixes[Int(index)].text
  }
}
