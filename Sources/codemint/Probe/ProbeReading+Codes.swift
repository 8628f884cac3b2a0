import Provisioning
import Sandbox

/// What spent codes show.
extension ProbeReading {
  mutating func read(_ spent: SpentCodes) {
    readJobs(spent)
    guard spent.count > 0 else { return }
    readPrefix(spent)
    readAnswerTimes(spent)
    readCopies(spent)
    readList(spent)
  }

  private mutating func readJobs(_ spent: SpentCodes) {
    let failed = spent.jobs.filter { $0.state != "completed" }
    let asked = spent.jobs.reduce(0) { $0 + $1.count }
    let durations = Set(
      spent.answered.compactMap { code in
        code.duration.map { "\(code.size) in \($0) ms" }
      }
    ).sorted().joined(separator: ", ")
    line(
      "codes",
      "each call brings the codes that it asked for",
      seen: "\(spent.count) of \(asked) codes came in answers (\(durations))",
      unlike: failed.isEmpty && spent.count == asked
        ? nil
        : failed.first.map {
          "Job \($0.id) is \($0.state): \($0.errorMessage ?? "no reason is recorded")"
        }
          ?? "The others were found by listing: their answers were lost, short or repeated."
    )
  }

  private mutating func readPrefix(_ spent: SpentCodes) {
    guard let form = spent.prefixForm else {
      return line("prefix", "codes begin with it", seen: nil)
    }
    let words: String =
      switch form {
      case .literal: "codes begin with it as it is"
      case .upper: "it is in upper case"
      case .lower: "it is in lower case"
      case .plain: "only its letters and digits are left"
      case .dropped: "it is not there"
      case .cut(let length): "only its first \(length) characters are left"
      }
    line(
      "prefix",
      "codes begin with it, letter for letter",
      seen: words,
      unlike: form == .literal
        ? nil : "Such a prefix tells no calls apart. Their times and numbers do."
    )
    if form != .literal { likewise(.generate, .prefix(form)) }
  }

  private mutating func readAnswerTimes(_ spent: SpentCodes) {
    guard spent.answered.contains(where: { $0.createdAt != nil }) else {
      likewise(.generate, .withheld(.createdAt, as: .missing))
      return line(
        "createdAt in answers",
        "each code says when it was made",
        seen: "no code does",
        unlike: "Times tell no codes apart. Doubtful calls take longer, and more are left to you."
      )
    }
    let form = TimeForm(offset: spent.answerOffset, resolution: spent.answerResolution)
    line(
      "createdAt in answers",
      "the database's clock, in milliseconds",
      seen: "last digit \(form.resolution.rawValue)"
        + (form.offset == 0 ? "" : ", \(Setting.plain(form.offset)) seconds ahead"),
      unlike: form == TimeForm()
        ? nil
        : "codemint measures it and corrects times. The coarser it is, the less they tell apart."
    )
    if form != TimeForm() { likewise(.generate, .times(form)) }
  }

  private mutating func readCopies(_ spent: SpentCodes) {
    let systems = Set(spent.answered.flatMap(\.systems)).sorted()
    let states = Dictionary(grouping: spent.answered, by: \.syncStatus).mapValues(\.count)
      .sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    line(
      "externalIds",
      "codes name the systems that they are copied to",
      seen: "\(systems.isEmpty ? "no system" : systems.joined(separator: ", ")); "
        + states.joined(separator: ", ")
    )
  }

  // MARK: The list

  private mutating func readList(_ spent: SpentCodes) {
    readLag(spent)
    let pairs = spent.pairs
    guard !pairs.isEmpty else { return }
    let form = spent.listTexts
    line(
      "texts in lists",
      "lists show codes with the texts of their answers",
      seen: form.map { $0 == .same ? "the same" : "\($0.rawValue)" } ?? "others",
      unlike: form == .same
        ? nil : "No code that a listing finds can be handed on. Doubtful calls are left to you."
    )
    fact("list_texts", form == .same ? "same" : "other", witnesses: pairs.count)
    if let form, form != .same { likewise(.list, .texts(form)) }
    let apart = spent.listOffset - spent.answerOffset
    let differing = pairs.count { $0.listed.createdAt != $0.answered.createdAt }
    if pairs.allSatisfy({ $0.listed.createdAt == nil }) {
      fact("list_times", "missing", witnesses: pairs.count)
    } else if differing == 0 || apart != 0 {
      fact("list_times", differing == 0 ? "same" : "other", witnesses: pairs.count)
    }
    line(
      "times in lists",
      "lists show createdAt as answers do",
      seen: differing == 0
        ? "the same"
        : "\(differing) of \(pairs.count) differ"
          + (apart == 0
            ? ", in their last digits or because one is missing"
            : " by \(Setting.plain(apart)) seconds"),
      unlike: differing == 0
        ? nil : "Times tell no codes apart. Doubtful calls take longer, and more are left to you."
    )
  }

  private mutating func readLag(_ spent: SpentCodes) {
    let gap = settings.listingGap
    let assumed =
      "a list shows a code within reconcile.listing_gap_seconds (\(Setting.plain(gap.seconds)))"
    guard !spent.isListTooLong else { return line("list lag", assumed, seen: nil) }
    guard let complete = spent.complete else {
      let missing = spent.count - spent.listed.count
      return line(
        "list lag",
        assumed,
        seen: "\(missing) of \(spent.count) codes were not shown within "
          + "\(spent.lacking?.milliseconds ?? 0) ms",
        unlike: "Codes may show up after their call was judged absent.",
        set: "raise reconcile.listing_gap_seconds until codemint probe sees all of its codes"
      )
    }
    let isLong = complete > gap
    line(
      "list lag",
      assumed,
      seen: spent.lacking.map { "after \($0.milliseconds) to \(complete.milliseconds) ms" }
        ?? "the first list had all codes, \(complete.milliseconds) ms after the answer",
      unlike: isLong ? "Codes may show up after their call was judged absent." : nil,
      set: isLong
        ? "raise reconcile.listing_gap_seconds to \(Int((complete * 3).seconds.rounded(.up))) or more"
        : nil
    )
    guard let lacking = spent.lacking, complete.seconds >= 1 else { return }
    // A whole second in between is the plainest cause.
    let whole = lacking.seconds.rounded(.up)
    likewise(
      .list,
      .stale(seconds: whole <= complete.seconds ? whole : complete.seconds.rounded())
    )
  }
}
