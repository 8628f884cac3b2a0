/// A column of a row, by name or by its number from 0. Literals of both kinds will do.
public enum Column: Hashable, Sendable, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
  /// The first column of this name.
  case name(String)
  /// The column at this place, counted from 0.
  case index(Int)

  /// A column by name.
  public init(stringLiteral name: String) {
    self = .name(name)
  }

  /// A column by its number from 0.
  public init(integerLiteral index: Int) {
    self = .index(index)
  }

  var label: String {
    switch self {
    case .name(let name): "\"\(name)\""
    case .index(let index): "number \(index)"
    }
  }
}
