/// Removes everything that may be the value of a code from the API's own words. People who may not see
/// codes read these words in the ledger, in logs and on the status page.
///
/// Existing codes cannot be looked up for every refusal, so a word is judged by its looks:
///
///     begins with the call's prefix, and goes on                      hidden   SUMMER7Q
///     capitals with digits, 6 characters or more, mixed or hyphened   hidden   7Q2KX9, SAVE-2041
///     small letters with digits, 8 or more, mixed or 4 digits in one  hidden   x7q2k9ab, req-20417
///     digits alone, 8 or more                                         hidden   48213377
///     capitals alone with hyphens, 8 or more                          hidden   ABCD-EFGH
///     the prefix itself, a UUID, a date, anything else                kept     reward_not_found
///
/// A code that has only letters, no prefix and no hyphen looks like a word, and is kept.
struct CodeHider: Sendable {
  /// The replacement for a code; the same as in `codemint.without_code`.
  static let replacement = "(code)"

  /// The prefix in small letters; nil if it is too short, because too many words begin with it.
  private let prefix: [Unicode.Scalar]?
  private static let shortestPrefix = 3

  /// Hides codes that begin with this prefix, and words that look like codes.
  init(prefix: String?) {
    let scalars = prefix.map { $0.unicodeScalars.map(Self.small) } ?? []
    self.prefix = scalars.count < Self.shortestPrefix ? nil : scalars
  }

  /// The text without anything that may be a code.
  func hide(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var kept = String.UnicodeScalarView()
    var position = 0
    while position < scalars.count {
      if let end = endOfPrefixed(scalars, from: position) {
        // The prefix itself is no secret, because the job shows it.
        if end == position + (prefix?.count ?? 0) {
          kept.append(contentsOf: scalars[position..<end])
        } else {
          kept.append(contentsOf: Self.replacement.unicodeScalars)
        }
        position = end
        continue
      }
      let end = scalars[position...].firstIndex { !Self.isOfWord($0) } ?? scalars.count
      if end == position {
        kept.append(scalars[position])
        position += 1
      } else {
        let word = scalars[position..<end]
        if Word(word).mayBeCode {
          kept.append(contentsOf: Self.replacement.unicodeScalars)
        } else {
          kept.append(contentsOf: word)
        }
        position = end
      }
    }
    return String(kept)
  }

  /// The end of the word that begins here with the prefix; nil if none does. A code may contain every
  /// character that a prefix may contain, so it only ends at white space, quotes or punctuation.
  private func endOfPrefixed(_ scalars: [Unicode.Scalar], from start: Int) -> Int? {
    guard let prefix, scalars.count - start >= prefix.count else { return nil }
    for (offset, wanted) in prefix.enumerated() where Self.small(scalars[start + offset]) != wanted
    {
      return nil
    }
    let behind = start + prefix.count
    var end = scalars[behind...].firstIndex(where: Self.endsCode) ?? scalars.count
    while end > behind, Self.endsSentence(scalars[end - 1]) { end -= 1 }
    return end
  }

  private static func small(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    let mapping = scalar.properties.lowercaseMapping.unicodeScalars
    guard let first = mapping.first, mapping.count == 1 else { return scalar }
    return first
  }

  private static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "-" || scalar == "_" || Word.isLetter(scalar) || Word.isDigit(scalar)
  }

  private static func endsCode(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || #""'`,;()[]{}<>"#.unicodeScalars.contains(scalar)
      || scalar.properties.isQuotationMark
  }

  private static func endsSentence(_ scalar: Unicode.Scalar) -> Bool {
    ".:!?".unicodeScalars.contains(scalar)
  }
}

extension CodeHider {
  /// The looks of a word.
  private struct Word {
    private let text: ArraySlice<Unicode.Scalar>
    private var number = 0
    private var hasSmall = false
    private var hasCapital = false
    private var hasDigit = false
    /// Whether letters and digits stand side by side.
    private var isMixed = false
    /// The length of the longest part that has only digits.
    private var longestNumber = 0

    init(_ text: ArraySlice<Unicode.Scalar>) {
      self.text = text
      for part in text.split(whereSeparator: { $0 == "-" || $0 == "_" }) {
        let digits = part.count(where: Self.isDigit)
        number += part.count
        hasDigit = hasDigit || digits > 0
        isMixed = isMixed || digits > 0 && digits < part.count
        if digits == part.count { longestNumber = max(longestNumber, digits) }
        for scalar in part where !Self.isDigit(scalar) {
          if scalar.properties.isLowercase { hasSmall = true } else { hasCapital = true }
        }
      }
    }

    var mayBeCode: Bool {
      guard number >= 6, !isUUID, !isDate else { return false }
      switch (hasCapital, hasSmall, hasDigit) {
      case (true, _, true): return isMixed || text.contains("-") || longestNumber >= 6
      case (false, true, true): return number >= 8 && (isMixed || longestNumber >= 4)
      case (false, false, true): return number >= 8
      case (true, false, false): return number >= 8 && text.contains("-")
      case (_, true, false), (false, false, false): return false
      }
    }

    private var isUUID: Bool {
      let parts = text.split(separator: "-", omittingEmptySubsequences: false)
      return parts.map(\.count) == [8, 4, 4, 4, 12]
        && parts.joined().allSatisfy { $0.properties.isASCIIHexDigit }
    }

    /// Whether it is a date, perhaps with the hour of a time at its end.
    private var isDate: Bool {
      let parts = text.split(separator: "-", omittingEmptySubsequences: false)
      guard parts.count == 3, parts[0].count == 4, parts[1].count == 2 else { return false }
      let day = parts[2].prefix(2)
      let hour = parts[2].dropFirst(2)
      return (Array(parts[0]) + parts[1] + day).allSatisfy(Self.isDigit) && day.count == 2
        && (hour.isEmpty || hour.first == "T" && hour.count <= 3)
    }

    static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.numericType == .decimal
    }

    static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
      scalar.properties.isAlphabetic
    }
  }
}
