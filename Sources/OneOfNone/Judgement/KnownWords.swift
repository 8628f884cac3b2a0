/// Leaves of the API's own words what cannot be the value of a code. People who may not see codes read
/// these words in the ledger, in logs and on the status page, and existing codes cannot be looked up for
/// every refusal. So nothing is guessed of what a code looks like: a word is shown if it stands in a list
/// of words of ours, and everything else is hidden.
///
///     words of the list, and names made of them      kept      Reward_not_found, status_404: it has expired
///     a number of up to three digits between words   kept      from 1 to 500
///     anything else                                  hidden    SUMMER7Q, SAVE-20, 48213377, größer
///     the last word of a text that was cut           hidden
///
/// A word ends at white space only, because a code can contain any other character. Punctuation around a
/// word is not looked at, and stays.
///
/// The text is somebody else's, so the work is linear: each scalar is visited a fixed number of times.
package enum KnownWords {
  /// What stands in place of a word that is not known.
  static let replacement = "(hidden)"

  /// The text with its known words only.
  ///
  /// - Parameter isCut: Whether the end of the text was cut off, so that its last word may be half a word.
  package static func keep(_ text: String, isCut: Bool = false) -> String {
    let scalars = Array(text.unicodeScalars)
    var pieces = Self.pieces(of: scalars)
    if isCut, scalars.last?.properties.isWhitespace == false, let last = pieces.indices.last {
      pieces[last].kind = .unknown
    }
    var kept = String.UnicodeScalarView()
    var position = 0
    for (index, piece) in pieces.enumerated() {
      let isKept = piece.kind == .word || piece.kind == .number && isAmongWords(index, pieces)
      kept.append(contentsOf: scalars[position..<piece.core.lowerBound])
      if isKept {
        kept.append(contentsOf: scalars[piece.core])
      } else {
        kept.append(contentsOf: replacement.unicodeScalars)
      }
      position = piece.core.upperBound
    }
    kept.append(contentsOf: scalars[position...])
    return String(kept)
  }

  /// Whether the name of a field is made of known words, such as `createdAt` or `order_id`.
  static func isName(_ name: String) -> Bool {
    guard name.utf8.count <= longestName, name.first?.isLowercase == true else { return false }
    let parts = name.replacing(/[A-Z]/) { "_\($0.output)" }.split(separator: "_")
    return parts.allSatisfy { words.contains($0.lowercased()) }
  }

  private enum Kind { case word, number, unknown }

  private struct Piece {
    /// Without the punctuation around it.
    let core: Range<Int>
    var kind: Kind
  }

  private static func pieces(of scalars: [Unicode.Scalar]) -> [Piece] {
    var pieces: [Piece] = []
    var position = 0
    while position < scalars.count {
      let end = scalars[position...].firstIndex { $0.properties.isWhitespace } ?? scalars.count
      var core = position..<end
      while let first = core.first, isAround(scalars[first]) { core.removeFirst() }
      while let last = core.last, isAround(scalars[last]) { core.removeLast() }
      if !core.isEmpty { pieces.append(Piece(core: core, kind: kind(of: scalars[core]))) }
      position = end + 1
    }
    return pieces
  }

  /// A code can contain white space, so a number beside something that is hidden may be a part of it.
  private static func isAmongWords(_ index: Int, _ pieces: [Piece]) -> Bool {
    (index == 0 || pieces[index - 1].kind == .word)
      && (index == pieces.count - 1 || pieces[index + 1].kind == .word)
  }

  private static func isAround(_ scalar: Unicode.Scalar) -> Bool {
    #""'`.,:;!?()[]{}<>"#.unicodeScalars.contains(scalar)
  }

  private static func kind(of core: ArraySlice<Unicode.Scalar>) -> Kind {
    guard core.count <= longestName, core.allSatisfy(\.isASCII) else { return .unknown }
    if isShortNumber(core) { return .number }
    let capitals = core.count { ("A"..."Z").contains($0) }
    // In small letters, with perhaps a capital in front, or in capitals as the names of errors are.
    let isWritten =
      capitals == 0 || capitals == 1 && ("A"..."Z").contains(core[core.startIndex])
      || core.allSatisfy { ("A"..."Z").contains($0) || $0 == "_" }
    let parts = core.split(omittingEmptySubsequences: false) { "-_./'".unicodeScalars.contains($0) }
    // As in status_404: a code has rarely small letters only, and hyphens if anything.
    let mayHaveNumbers = capitals == 0 && !core.contains { "-./'".unicodeScalars.contains($0) }
    let isKnown = parts.enumerated().allSatisfy { place, part in
      words.contains(String(String.UnicodeScalarView(part)).lowercased())
        || place > 0 && mayHaveNumbers && isShortNumber(part)
    }
    return isWritten && isKnown ? .word : .unknown
  }

  private static func isShortNumber(_ scalars: ArraySlice<Unicode.Scalar>) -> Bool {
    (1...3).contains(scalars.count) && scalars.allSatisfy { ("0"..."9").contains($0) }
  }

  private static let longestName = 100

  /// Words in which an API can say what is wrong.
  private static let words: Set<String> = Set(
    """
    a able d s t about above accept acceptable accepted access account action active actual added address \
    after again against all allow allowed already also always amount an and another answer answered any \
    api application applied apply archived are argument array as asked asks assigned at attempt attempts \
    attribute authentication authorization authorized available back bad balance base batch be because \
    been before began begin being below between billing body boolean both br busy but by bytes call \
    called calls campaign can cannot category change changed channel character characters check client \
    closed code codes coming compressed concurrency concurrent condition conflict connection contact \
    contain contains content could count create created creating credentials currency currently customer \
    daily data database date day days deactivated deflate deleted denied deprecated described \
    description did didn different digits disabled discount does doesn doing don done down draft due \
    duplicate during each either email empty enabled encoding end ended endpoint ends enough entity err \
    error errors every exceed exceeded exceeds exist existing exists expected expire expired expires \
    expiry external failed failure fault feature few field fields for forbidden format found from full \
    gateway generate generated generating generation get given gone greater group groups gzip had has \
    hasn have header headers here hour hours how http https id ids if ignored in inactive incorrect \
    input instead insufficient integer internal into invalid is isn issue issued it item items its json \
    just key kib kind label labels large larger last later least left length less letters limit limited \
    limits list listed lists ll locked long longer lower made maintenance malformed many match maximum \
    may merchant message metadata method minimum minute minutes missing moment month monthly more most \
    must name need needed needs negative never new next no none not note notes nothing now null nullable \
    number numbers object of off offset omitted on once one only open operation optional or order \
    organization other out over owner page parameter parameters parse path paused payload payment \
    pending per percent perform permission permissions permitted plan plans please policy pool positive \
    possible prefix prefixes present previous price problem proceed process processed processing product \
    products project property provide provided quota range rate rates re reached read ready reason \
    received redeemed refused rejected remaining removed request requested requests require required \
    requires reseller reserved resource response retry revoked reward rewardid rewards right role roles \
    running same sandbox scope second seconds secret see segment select send sent server service set \
    setting shared shop short should signature size slow slug some something soon source spent stale \
    start started starts state status still stopped stopping store string subscription such support \
    supported suspended sync synced system tag tags take taken team temporarily temporary than that the \
    their them then there these they this throttled tier time timeout times title to token tokens too \
    total try trying type unable unauthorized unavailable under unexpected unique unit unknown \
    unprocessable unsupported until up update updated upgrade usage use used user using uuid valid \
    validation value values variant version very visible wallet was wasn way we webhook were what when \
    where which while why will with within without won working would write wrong x year you your zero \
    zstd
    """.split(separator: " ").map(String.init)
  )
}
