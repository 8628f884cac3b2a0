internal import Provisioning

/// The fields `RateLimit` and `RateLimit-Policy`, read as far as a pause can be had from them.
///
///     RateLimit: "burst";r=0;t=7          newer drafts: remaining, and seconds until there is more
///     RateLimit-Policy: "burst";q=10;w=60 newer drafts: quota, and the window in seconds
///     RateLimit: limit=10, remaining=0, reset=7       older drafts
enum RateLimitFields {
  private struct Item {
    var name: Substring
    var parameters: [Substring: Substring]

    func seconds(_ name: Substring) -> Duration? {
      parameters[name].flatMap(Pause.seconds)
    }
  }

  /// The longest pause that an exhausted limit asks for. If none says how long, the window of its
  /// policy; if no limit is named at all, the shortest window, which presumes the least.
  static func pause(limits: [String], policies: [String]) -> Duration? {
    let limits = limits.compactMap { item($0[...]) }
    let policies = policies.compactMap { item($0[...]) }
    let exhausted = limits.filter { $0.parameters["r"].map { $0 == "0" } ?? true }
    if let longest = exhausted.compactMap({ $0.seconds("t") }).max() { return longest }
    if let reset = limits.compactMap({ $0.name == "reset" ? $0.seconds("") : nil }).max() {
      return reset
    }
    let names = exhausted.map(\.name)
    let theirs = policies.filter { names.contains($0.name) }.compactMap { $0.seconds("w") }
    return theirs.max() ?? policies.compactMap { $0.seconds("w") }.min()
  }

  /// How much is left of each window that the field `RateLimit` tells of.
  static func windows(_ members: [String]) -> [Feedback.Window] {
    let items = members.compactMap { item($0[...]) }
    let newer = items.compactMap { item -> Feedback.Window? in
      guard let remaining = item.parameters["r"].flatMap({ count(String($0)) }),
        let length = item.seconds("t")
      else { return nil }
      return Feedback.Window(remaining: remaining, length: length)
    }
    func older(_ name: Substring) -> Item? { items.first { $0.name == name } }
    guard let remaining = older("remaining")?.parameters[""].flatMap({ count(String($0)) }),
      let length = older("reset")?.seconds("")
    else { return newer }
    return newer + [Feedback.Window(remaining: remaining, length: length)]
  }

  /// A whole number of requests, as digits alone.
  static func count(_ text: String) -> Int64? {
    text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int64(text) : nil
  }

  /// One member of the list: a name with parameters, or, in older drafts, `name=value`, whose value
  /// is kept under the empty name.
  private static func item(_ text: Substring) -> Item? {
    let parts = text.split(separator: ";").map(trim)
    guard let head = parts.first else { return nil }
    var parameters: [Substring: Substring] = [:]
    for part in parts.dropFirst() {
      let (name, value) = pair(part)
      parameters[name] = value
    }
    let (name, value) = pair(head)
    if let value { parameters[""] = value }
    return Item(name: name, parameters: parameters)
  }

  private static func pair(_ text: Substring) -> (name: Substring, value: Substring?) {
    guard let mark = text.firstIndex(of: "=") else { return (text, nil) }
    return (trim(text[..<mark]), trim(text[text.index(after: mark)...]))
  }

  private static func trim(_ text: Substring) -> Substring {
    let start = text.drop { $0 == " " || $0 == "\t" }
    guard let last = start.lastIndex(where: { $0 != " " && $0 != "\t" }) else { return "" }
    return start[...last]
  }
}
