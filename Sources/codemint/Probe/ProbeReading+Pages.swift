import OneOfNone
import Provisioning
import Sandbox

/// What pages show: their length and order, and the fields and times of codes.
extension ProbeReading {
  private var most: SeenPage? { found.sights[.most]?.page }

  mutating func readPages() {
    guard let page = most else { return }
    readLength(page)
    let isThere =
      found.sights[.most]?.differences.keys.contains { $0.place == "pagination" } != true
    line(
      "pagination",
      "a page has a pagination; its fields are not documented",
      seen: page.pagination.isEmpty
        ? isThere ? "one without fields" : "none" : page.pagination.joined(separator: ", "),
      unlike: isThere ? nil : "Nothing: codemint counts the codes of each page."
    )
    if let behind = found.sights[.behind], let status = behind.status {
      line(
        "end of list",
        "a page behind the end is 200 and empty",
        seen: behind.page.map { "\(status), \($0.count) codes" }
          ?? "\(status) \(behind.error ?? "")",
        unlike: behind.page?.count == 0
          ? nil : "A listing that reaches the end fails, unless its last page is short."
      )
    }
    readOrder(page)
    readOrderNames()
  }

  private mutating func readLength(_ page: SeenPage) {
    let more = found.sights[.rest]?.page?.count ?? 0
    let isCut = page.count < 1000 && more > 0
    line(
      "largest page",
      "a page has as many codes as are asked for, up to 1000",
      seen: isCut
        ? "\(page.count) of 1000, and the list has more"
        : page.count < 1000 ? "all \(page.count) codes of the reward" : "1000 codes",
      unlike: isCut
        ? "Listings take \(1000 / max(1, page.count)) times as many requests. Nothing has to be set."
        : nil
    )
    if isCut { likewise(.list, .shortPage(limit: page.count)) }
  }

  // MARK: Order

  private enum Order {
    case newestFirst, oldestFirst, ids, unordered

    /// The order of a page, or of pages behind each other; nil if they do not show any.
    init?(_ pages: SeenPage...) {
      let times = pages.flatMap(\.createdAt)
      let ids = pages.flatMap(\.ids)
      let pairs = zip(times, times.dropFirst())
      let falls = pairs.contains { $0 > $1 }
      let rises = pairs.contains { $0 < $1 }
      switch (falls, rises) {
      case (false, false): return nil
      case (true, false): self = .newestFirst
      case (false, true): self = .oldestFirst
      case (true, true):
        self = zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 } ? .ids : .unordered
      }
    }
  }

  private mutating func readOrder(_ page: SeenPage) {
    let assumed = "order=desc lists the newest code first, order=asc the oldest"
    let means = "Each listing reads the whole list: a request for every page."
    let rest = found.sights[.rest]?.page
    let ascending = found.sights[.ascending]?.page
    // Where there is more than a page, another order begins with other codes.
    let isSame = rest.map { $0.count > 0 } == true && ascending?.ids == page.ids
    let down = rest.flatMap { Order(page, $0) } ?? Order(page)
    if let down {
      let value = down == .newestFirst ? "newest_first" : "not_kept"
      fact("list_order", value, witnesses: page.createdAt.count)
    }
    switch (down, isSame ? down : ascending.flatMap { Order($0) }) {
    case (nil, _) where isSame:
      line("order", assumed, seen: "both orders begin with the same codes", unlike: means)
    case (nil, _), (_, nil):
      line("order", assumed, seen: nil)
    case (.newestFirst, .oldestFirst):
      line("order", assumed, seen: "both orders are kept")
    case (.newestFirst, _):
      line(
        "order",
        assumed,
        seen: "the newest code is always first",
        unlike: "Nothing: this is what codemint asks for."
      )
      likewise(.list, .order(.descending))
    case (.oldestFirst, _):
      line("order", assumed, seen: "the oldest code is first", unlike: means)
      likewise(.list, .order(.ascending))
    case (.ids, _):
      line("order", assumed, seen: "codes are listed by their ids", unlike: means)
      likewise(.list, .order(.ids))
    case (.unordered, _):
      line("order", assumed, seen: "no order", unlike: means)
      likewise(.list, .order(.shuffled))
    }
  }

  private mutating func readOrderNames() {
    let names: [(Probe.Purpose, String)] = [
      (.one, "createdAt"), (.byChange, "updatedAt"), (.bySnakeCase, "created_at"),
    ]
    let known = names.compactMap { purpose, name in
      found.sights[purpose]?.status.map { (name: name, isTaken: $0 == 200) }
    }
    guard known.count == names.count else { return }
    let refused = known.filter { !$0.isTaken && $0.name != "created_at" }.map(\.name)
    line(
      "order_by",
      "createdAt and updatedAt are taken",
      seen: known.map { "\($0.name) \($0.isTaken ? "taken" : "refused")" }.joined(separator: ", "),
      unlike: refused.isEmpty
        ? nil
        : "codemint lists without \(refused.joined(separator: " and ")), and checks the order itself."
    )
  }

  // MARK: Codes on a page

  mutating func readTimes() {
    let assumed = "UTC with Z and milliseconds"
    guard let page = most else { return }
    let codes = page.count - page.nulls
    guard codes > 0 else { return line("createdAt", assumed, seen: nil) }
    if let how = withheld("createdAt", page) {
      line(
        "createdAt",
        assumed,
        seen: "it is \(how.rawValue)",
        unlike: "Times tell no codes apart. Doubtful calls take longer, and more are left to you."
      )
      likewise(.list, .withheld(.createdAt, as: how))
    } else {
      let form = listForm
      line(
        "createdAt",
        assumed,
        seen: Self.words(form),
        unlike: form == TimeForm()
          ? nil : "codemint reads it. The coarser it is, the less times tell calls apart."
      )
      if form != TimeForm() { likewise(.list, .times(form)) }
      fact("list_resolution", Self.name(form.resolution), witnesses: page.createdAt.count)
    }
    let changed = withheld("updatedAt", page)
    line(
      "updatedAt",
      "codes say when they changed",
      seen: changed.map { "it is \($0.rawValue)" } ?? "it is there",
      unlike: changed == nil ? nil : "To track codes in other systems, whole lists have to be read."
    )
    if let changed { likewise(.list, .withheld(.updatedAt, as: changed)) }
  }

  /// How a field is kept back from all codes of a page; nil if it is not.
  private func withheld(_ field: String, _ page: SeenPage) -> Withholding? {
    for how in [Withholding.null, .missing]
    where page.withheld["\(field) \(how.rawValue)"] == page.count - page.nulls { return how }
    return nil
  }

  /// The form of times in lists, with the offset that spent codes have shown.
  private var listForm: TimeForm {
    let forms = most?.forms ?? []
    var form = TimeForm(offset: spent?.listOffset ?? 0)
    switch forms.map(\.digits).max() ?? 3 {
    case 0: form.resolution = forms.allSatisfy(\.isWholeMinute) ? .minutes : .seconds
    case 1...3: form.resolution = .milliseconds
    default: form.resolution = .microseconds
    }
    if let zone = forms.first?.zone, zone.uppercased() != "Z" {
      form.zone = Self.hours(zone).map { .hours($0) } ?? .none
    }
    return form
  }

  private static func hours(_ zone: String) -> Double? {
    let digits = zone.filter(\.isNumber).compactMap(\.wholeNumberValue)
    guard digits.count >= 2 else { return nil }
    let minutes = digits.count == 4 ? digits[2] * 10 + digits[3] : 0
    let hours = Double(digits[0] * 10 + digits[1]) + Double(minutes) / 60
    return zone.hasPrefix("-") ? -hours : hours
  }

  /// As the ledger names it.
  private static func name(_ resolution: TimeForm.Resolution) -> String {
    switch resolution {
    case .minutes, .seconds: "second"
    case .milliseconds: "millisecond"
    case .microseconds: "microsecond"
    }
  }

  static func words(_ form: TimeForm) -> String {
    let zone =
      switch form.zone {
      case .utc: "UTC with Z"
      case .none: "no zone"
      case .hours(let hours): "a zone of \(Setting.plain(hours)) hours"
      }
    let offset = form.offset == 0 ? "" : ", \(Setting.plain(form.offset)) seconds ahead"
    return "\(zone), last digit \(form.resolution.rawValue)\(offset)"
  }

  mutating func readFields() {
    guard let page = most, let sight = found.sights[.most] else { return }
    line(
      "nulls",
      "no item of a page is null",
      seen: page.nulls == 0 ? "none of \(page.count) is" : "\(page.nulls) of \(page.count) are",
      unlike: page.nulls == 0
        ? nil
        : "Each null counts as a code that may be anybody's. Doubtful calls may be left to you."
    )
    if page.nulls > 0 { likewise(.list, .nulls(count: page.nulls)) }
    // What is said of times and nulls above is not said twice.
    let others = sight.differences.filter { difference, _ in
      !["data[].createdAt", "data[].updatedAt"].contains(difference.place)
    }
    line(
      "fields",
      "the fields, types and words of the API's documents",
      seen: others.isEmpty
        ? page.count == 0 ? nil : "as documented"
        : others.keys.map(\.description).sorted().joined(separator: "; "),
      unlike: others.isEmpty ? nil : "What codemint does not know it leaves alone."
    )
    let fields = others.filter { $0.key.kind == .unknownField && $0.key.place == "data[]" }
    if let count = fields.values.max() { likewise(.list, .extraFields(count: count)) }
    let words = others.filter { $0.key.kind == .unknownValue && $0.key.place == "data[].status" }
    if let count = words.values.max() { likewise(.list, .unknownValues(count: count)) }
  }
}
