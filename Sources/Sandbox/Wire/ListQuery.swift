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
  /// Shows the codes in the order of these dice instead; only a fault asks for that.
  var shuffle: UInt64?
}
