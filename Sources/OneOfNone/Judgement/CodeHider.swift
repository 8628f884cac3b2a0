/// Removes everything that may be the value of a code from the API's own words. People who may not see
/// codes read these words in the ledger, in logs and on the status page.
///
/// Existing codes cannot be looked up for every refusal, so a word is judged by its looks:
///
///     begins with the call's prefix, and goes on                      hidden   SUMMER7Q, x-SUMMERQ
///     the same with a prefix of one or two letters, and 4 more        hidden   AQXKTR, abQX7k
///     capitals with digits, 6 characters or more, mixed or hyphened   hidden   7Q2KX9, SAVE-2041
///     small letters with digits, 8 or more, mixed or 4 digits in one  hidden   x7q2k9ab, req-20417
///     digits alone, 8 or more                                         hidden   48213377
///     capitals alone with hyphens, 8 or more                          hidden   ABCD-EFGH
///     the last word of a text that was cut                            hidden   7Q2
///     the prefix itself, a UUID, a date, anything else                kept     reward_not_found
///
/// A code that has only letters, no prefix and no hyphen looks like a word, and is kept. So is a code of a
/// short prefix that is written like a word, in small letters with perhaps one capital in front.
///
/// The text is somebody else's, so the work is linear: each scalar is visited a fixed number of times,
/// besides the comparison with the prefix, which has 32 characters at most.
package struct CodeHider: Sendable {
  /// The replacement for a code.
  static let replacement = "(code)"

  /// The prefix in small letters; empty if there is none.
  private let prefix: [Unicode.Scalar]
  /// Whether many words begin with the prefix, so that what follows it has to be looked at too.
  private let isShort: Bool

  /// Hides codes that begin with this prefix, and words that look like codes.
  package init(prefix: String?) {
    self.prefix = prefix.map { $0.unicodeScalars.map(Self.small) } ?? []
    isShort = self.prefix.count < 3 && self.prefix.allSatisfy(Self.isOfWord)
  }

  /// The text without anything that may be a code.
  ///
  /// - Parameter isCut: Whether the end of the text was cut off, so that its last word may be half a code.
  package func hide(_ text: String, isCut: Bool = false) -> String {
    var reading = Reading(scalars: Array(text.unicodeScalars))
    var kept = String.UnicodeScalarView()
    while let first = reading.first {
      guard let (word, isCode) = prefixed(&reading) ?? reading.word() else {
        kept.append(first)
        reading.position += 1
        continue
      }
      let isLast = word.endIndex == reading.scalars.count
      if isCode || hasPrefixInside(word) || isCut && isLast {
        kept.append(contentsOf: Self.replacement.unicodeScalars)
      } else {
        kept.append(contentsOf: word)
      }
      reading.position = word.endIndex
    }
    return String(kept)
  }

  /// What begins here with the prefix; nil if nothing does.
  private func prefixed(_ reading: inout Reading) -> (ArraySlice<Unicode.Scalar>, isCode: Bool)? {
    guard !prefix.isEmpty, begins(reading.scalars[reading.position...]) else { return nil }
    if isShort {
      guard let (word, isCode) = reading.word(), word.count >= prefix.count + 4 else { return nil }
      return (word, isCode || !Word(word).isOrdinary)
    }
    let behind = reading.position + prefix.count
    let end = reading.endOfCode(from: behind)
    // The prefix itself is no secret, because the job shows it.
    return (reading.scalars[reading.position..<end], isCode: end > behind)
  }

  /// Whether a part of the word behind a hyphen or an underscore begins with the prefix, and goes on.
  private func hasPrefixInside(_ word: ArraySlice<Unicode.Scalar>) -> Bool {
    guard !isShort, !prefix.isEmpty else { return false }
    return word.indices.dropFirst().contains { start in
      ["-", "_"].contains(word[start - 1]) && word.endIndex - start > prefix.count
        && begins(word[start...])
    }
  }

  private func begins(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
    guard rest.count >= prefix.count else { return false }
    return zip(rest, prefix).allSatisfy { Self.small($0) == $1 }
  }

  /// The scalars of a text, and how far they have been read.
  private struct Reading {
    let scalars: [Unicode.Scalar]
    var position = 0
    /// The first scalar that ends a code, as found for the last position that was asked for.
    private var codeEnd = 0
    /// The same without the end of a sentence in front of it.
    private var trimmedEnd = 0

    init(scalars: [Unicode.Scalar]) {
      self.scalars = scalars
    }

    var first: Unicode.Scalar? { position < scalars.count ? scalars[position] : nil }

    /// The word that begins here, and whether it looks like a code; nil if none does.
    func word() -> (ArraySlice<Unicode.Scalar>, isCode: Bool)? {
      let end = scalars[position...].firstIndex { !CodeHider.isOfWord($0) } ?? scalars.count
      guard end > position else { return nil }
      let word = scalars[position..<end]
      return (word, Word(word).mayBeCode)
    }

    /// The end of a code whose prefix ends at `start`. A code may contain every character that a prefix
    /// may contain, so it only ends at white space, quotes or punctuation. It is looked for once, however
    /// many prefixes stand before it.
    mutating func endOfCode(from start: Int) -> Int {
      if codeEnd < start || codeEnd == 0 {
        codeEnd = scalars[start...].firstIndex(where: CodeHider.endsCode) ?? scalars.count
        trimmedEnd = codeEnd
        while trimmedEnd > start, CodeHider.endsSentence(scalars[trimmedEnd - 1]) {
          trimmedEnd -= 1
        }
      }
      return max(trimmedEnd, start)
    }
  }

  private static func small(_ scalar: Unicode.Scalar) -> Unicode.Scalar {
    let mapping = scalar.properties.lowercaseMapping.unicodeScalars
    guard let first = mapping.first, mapping.count == 1 else { return scalar }
    return first
  }

  fileprivate static func isOfWord(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "-" || scalar == "_" || Word.isLetter(scalar) || Word.isDigit(scalar)
  }

  fileprivate static func endsCode(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || #""'`,;()[]{}<>"#.unicodeScalars.contains(scalar)
      || scalar.properties.isQuotationMark
  }

  fileprivate static func endsSentence(_ scalar: Unicode.Scalar) -> Bool {
    ".:!?".unicodeScalars.contains(scalar)
  }
}

extension CodeHider {
  /// The looks of a word.
  fileprivate struct Word {
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

    /// Whether it is written like a word of a sentence, or like a name in code: in small letters, with
    /// perhaps one capital in front. A UUID or a date is no code either.
    var isOrdinary: Bool {
      if isUUID || isDate { return true }
      return !hasDigit
        && text.dropFirst().allSatisfy { !Self.isLetter($0) || $0.properties.isLowercase }
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
