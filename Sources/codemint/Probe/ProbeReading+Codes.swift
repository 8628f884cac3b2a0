import Provisioning
import Sandbox

/// What spent codes show.
extension ProbeReading {
  mutating func read(_ spent: SpentCodes) {
    readJobs(spent)
    readAnswers(spent)
    guard spent.count > 0 else { return }
    readPrefix(spent)
    readAnswerTimes(spent)
    readCopies(spent)
    readList(spent)
  }

  private mutating func readJobs(_ spent: SpentCodes) {
    let assumed = "each call brings the codes that it asked for"
    guard !spent.jobs.isEmpty else { return line("codes", assumed, seen: nil) }
    let asked = spent.jobs.reduce(0) { $0 + $1.count }
    let durations = Set(
      spent.answered.compactMap { code in
        code.duration.map { "\(code.size) in \($0) ms" }
      }
    ).sorted().joined(separator: ", ")
    let open = spent.jobs.filter { !$0.isFinished }.map { job in
      "; job \(job.id) is \(job.state)" + (job.inDoubt > 0 ? ", and a call of it is in doubt" : "")
    }
    line(
      "codes",
      assumed,
      seen: "\(spent.count) of \(asked) codes came in answers"
        + (durations.isEmpty ? "" : " (\(durations))") + open.joined(),
      unlike: Self.trouble(of: spent, asked: asked)
    )
  }

  /// What it means that calls did not bring their codes; nil if they did, or may yet.
  private static func trouble(of spent: SpentCodes, asked: Int) -> String? {
    if let failed = spent.jobs.first(where: { $0.isFinished && $0.state != "completed" }) {
      return
        "Job \(failed.id) is \(failed.state): \(failed.errorMessage ?? "no reason is recorded")"
    }
    if let doubtful = spent.jobs.first(where: { $0.inDoubt > 0 }) {
      return "What became of the others is not known. codemint why \(doubtful.id) says more."
    }
    guard spent.count != asked, spent.jobs.allSatisfy(\.isFinished) else { return nil }
    return "The others were found by listing: their answers were lost, short or repeated."
  }

  private mutating func readAnswers(_ spent: SpentCodes) {
    let assumed = "a call is answered with 201, and answers are as the API's documents say"
    let seen = spent.statuses + spent.differences
    guard !seen.isEmpty else { return line("answers", assumed, seen: nil) }
    let success = spent.statuses.first { $0.hasPrefix("2") && $0 != "201" }
    line(
      "answers",
      assumed,
      seen: seen.joined(separator: "; "),
      unlike: success.map {
        "codemint takes only 201 for an answer with codes: \($0) leaves the call in doubt. Where there has been no "
          + "complete answer yet, each such call is held until a person decides."
      } ?? (spent.differences.isEmpty ? nil : "What codemint does not know it leaves alone.")
    )
  }

  private mutating func readPrefix(_ spent: SpentCodes) {
    guard let change = spent.prefixChange else {
      return line("prefix", "codes begin with it", seen: nil)
    }
    line(
      "prefix",
      "codes begin with it, letter for letter",
      seen: change.words,
      unlike: change.form == .literal
        ? nil : "Such a prefix tells no calls apart. Their times and numbers do."
    )
    if change.form != .literal { likewise(.generate, .prefix(change.form)) }
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
    let field = ".externalIds"
    let shown = found.sights[.most]?.differences.keys.filter { $0.place.contains(field) } ?? []
    let odd = Set(
      shown.map(\.description) + spent.differences.filter { $0.contains(field) }
    ).sorted()
    line(
      "externalIds",
      "codes name the systems that they are copied to",
      seen: ([systems.isEmpty ? "no system" : systems.joined(separator: ", ")] + [
        states.joined(separator: ", ")
      ] + odd).joined(separator: "; "),
      unlike: odd.isEmpty
        ? nil : "What cannot be read there is not known: such codes stay pending in the ledger."
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
        set: spent.lacking.map { "\(Setting.raisedListingGap(for: $0)), and probe again" }
      )
    }
    let isLong = spent.lacking != nil && complete > gap
    line(
      "list lag",
      assumed,
      seen: spent.lacking.map { "after \($0.milliseconds) to \(complete.milliseconds) ms" }
        ?? "the first list had all codes, \(complete.milliseconds) ms after the answer",
      unlike: isLong ? "Codes may show up after their call was judged absent." : nil,
      set: isLong ? spent.lacking.map(Setting.raisedListingGap) : nil
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
