/// The parameters behind a path's question mark, by name; the first of each name counts.
struct QueryText: Sendable {
  private let values: [String: String]

  /// Takes decoded names and values.
  init(_ pairs: some Sequence<(name: String, value: String)>) {
    values = Dictionary(pairs.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  subscript(_ name: String) -> String? { values[name] }

  /// An integer within a range, or nil where the parameter is absent.
  func integer(_ name: String, in range: ClosedRange<Int>) throws(Refusal) -> Int? {
    guard let text = values[name] else { return nil }
    guard let number = Int(text), range.contains(number) else {
      let upTo = range.upperBound == .max ? "or more" : "to \(range.upperBound)"
      throw .invalid("\(name) must be an integer of \(range.lowerBound) \(upTo)", field: name)
    }
    return number
  }

  /// One of the words of a type, or nil where the parameter is absent.
  func word<Words: RawRepresentable<String>>(
    _ name: String,
    _ type: Words.Type
  ) throws(Refusal) -> Words? {
    guard let text = values[name] else { return nil }
    guard let word = Words(rawValue: text) else {
      throw .invalid("\(name) has a value that is not allowed", field: name)
    }
    return word
  }
}

extension ListQuery {
  private enum Direction: String {
    case asc, desc
  }
  private enum Flag: String {
    case yes = "true"
    case no = "false"
  }

  /// Checks the query of a listing.
  init(_ text: QueryText) throws(Refusal) {
    status = try text.word("status", CodeStatus.self)
    limit = try text.integer("limit", in: 1...1000) ?? limit
    offset = try text.integer("offset", in: 0...Int.max) ?? offset
    descending = try text.word("order", Direction.self) != .asc
    key = try text.word("order_by", Key.self) ?? key
    includeCount = try text.word("include_count", Flag.self) == .yes
  }
}

/// The query of a listing of codes, checked.
struct ListQuery: Sendable, Equatable {
  enum Key: String, Sendable {
    case createdAt, updatedAt
  }

  var status: CodeStatus?
  var limit = 100
  var offset = 0
  var descending = true
  var key = Key.createdAt
  var includeCount = false
  /// Shows the codes in an order of its own instead; only a fault asks for that.
  var arrangement: Arrangement?
  /// Leaves codes out; only a fault asks for that.
  var hiding: Hiding?
}
