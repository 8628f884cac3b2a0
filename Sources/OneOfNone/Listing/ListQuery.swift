/// Which page of a reward's codes is asked for. There is deliberately no filter by status: a code
/// can be claimed the moment that it exists, and would then be missing.
public struct ListQuery: Hashable, Sendable {
  /// The direction of the order.
  public enum Order: String, Hashable, Sendable, CaseIterable {
    /// Smallest or earliest first.
    case ascending = "asc"
    /// Greatest or latest first.
    case descending = "desc"
  }

  /// The API's bounds of `limit`.
  public static let limits = 1...1000

  /// Items on the page, within `limits`.
  public let limit: Int
  /// Items before the page.
  public let offset: Int
  /// The direction; the API's own choice if nil. Whether it was kept must be looked at.
  public let order: Order?
  /// The field to order by; the API does not say which there are.
  public let orderBy: String?
  /// Whether to count all items too.
  public let includeCount: Bool

  /// A page with these parts.
  public init(
    limit: Int = 1000,
    offset: Int = 0,
    order: Order? = nil,
    orderBy: String? = nil,
    includeCount: Bool = false
  ) {
    precondition(Self.limits.contains(limit), "a page has 1 to 1000 items")
    precondition(offset >= 0, "no page begins before the first item")
    self.limit = limit
    self.offset = offset
    self.order = order
    self.orderBy = orderBy
    self.includeCount = includeCount
  }

  /// The query as it stands in the URL, from the question mark on.
  var text: String {
    var parts = ["limit=\(limit)", "offset=\(offset)"]
    if let order { parts.append("order=\(order.rawValue)") }
    if let orderBy { parts.append("order_by=\(Self.encoded(orderBy))") }
    if includeCount { parts.append("include_count=true") }
    return "?" + parts.joined(separator: "&")
  }

  private static func encoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
      let scalar = Unicode.Scalar(byte)
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "-", ".", "_", "~":
        encoded.unicodeScalars.append(scalar)
      default:
        encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
      }
    }
    return encoded
  }
}
