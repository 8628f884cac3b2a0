extension Setting {
  /// What a value has to be, to go after "must be".
  var rule: String {
    switch kind {
    case .text, .secret: "a text without control characters, and not empty"
    case .whole(let range): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range):
      "a number from \(Self.plain(range.lowerBound)) to \(Self.plain(range.upperBound))"
    case .flag: "true or false"
    case .address: "HOST:PORT, with an IPv6 address in brackets, or empty to switch it off"
    case .choice(let words): "one of \(words.joined(separator: ", "))"
    }
  }

  /// A number without a fraction that says nothing.
  static func plain(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? String(Int(number)) : String(number)
  }
}
