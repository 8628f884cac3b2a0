internal import Provisioning

/// Reads one `RewardCode` of the API.
struct RewardCodeReader {
  private var id: CodeID?
  private var reward: RewardID?
  private var code: String?
  private var status: String?
  private var createdAt: Timestamp?
  private var expiresAt: Timestamp?
  private var updatedAt: Timestamp?
  private var externalIDs: ArraySlice<UInt8>?
  private var syncStatus = SyncStatus.none

  private init() {}

  /// Reads the next value.
  ///
  /// - Throws: If it is no object, if `id`, `rewardId` or `code` is missing, cannot be read or
  ///   stands there twice, since then it is not certain which code it is.
  static func read(_ json: inout JSONReader) throws(JSONFailure) -> IssuedCode {
    var reader = RewardCodeReader()
    var key = try json.firstKey()
    while let name = key {
      try reader.take(name, from: &json)
      key = try json.nextKey()
    }
    guard let id = reader.id, let reward = reader.reward, let code = reader.code else {
      throw json.failure("an item with `id`, `rewardId` and `code` before here")
    }
    return IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: reader.status ?? "unknown",
      createdAt: reader.createdAt,
      expiresAt: reader.expiresAt,
      updatedAt: reader.updatedAt,
      externalIDs: reader.externalIDs.map(Array.init) ?? Array("{}".utf8),
      syncStatus: reader.syncStatus
    )
  }

  private mutating func take(
    _ name: String,
    from json: inout JSONReader
  ) throws(JSONFailure) {
    switch name {
    case "id":
      id = CodeID(try Self.unique(&json, name: name, before: id != nil))
    case "rewardId":
      reward = RewardID(try Self.unique(&json, name: name, before: reward != nil))
    case "code":
      guard code == nil else { throw json.failure("no second `code`") }
      code = try json.string()
    case "status":
      status = try json.stringOrNil()
    case "createdAt":
      createdAt = try json.stringOrNil().flatMap { Timestamp(rfc3339: $0) }
    case "expiresAt":
      expiresAt = try json.stringOrNil().flatMap { Timestamp(rfc3339: $0) }
    case "updatedAt":
      updatedAt = try json.stringOrNil().flatMap { Timestamp(rfc3339: $0) }
    case "externalIds":
      try takeExternalIDs(&json)
    default:
      try json.skip()
    }
  }

  private static func unique(
    _ json: inout JSONReader,
    name: String,
    before isThere: Bool
  ) throws(JSONFailure) -> UniqueID {
    guard !isThere else { throw json.failure("no second `\(name)`") }
    guard let id = UniqueID(try json.string()) else {
      throw json.failure("a UUID for `\(name)` before here")
    }
    return id
  }

  /// Keeps the object as it stands, and the worst of its systems. Something that is there but is no
  /// object is not kept; it counts as pending, since nothing says that it is settled.
  private mutating func takeExternalIDs(_ json: inout JSONReader) throws(JSONFailure) {
    switch try json.peek() {
    case .object:
      var words = json
      externalIDs = try json.raw()
      syncStatus = SyncStatus.worst(of: try Self.syncWords(&words))
    case .null:
      try json.skip()
      (externalIDs, syncStatus) = (nil, .none)
    case .array, .string, .number, .boolean:
      try json.skip()
      (externalIDs, syncStatus) = (nil, .pending)
    }
  }

  /// The `syncStatus` of every system. One that is no text becomes a word that nobody knows.
  private static func syncWords(_ json: inout JSONReader) throws(JSONFailure) -> [String] {
    var words: [String] = []
    var system = try json.firstKey()
    while system != nil {
      if try json.peek() == .object {
        var key = try json.firstKey()
        while let name = key {
          if name == "syncStatus" {
            words.append(try json.stringOrNil() ?? "")
          } else {
            try json.skip()
          }
          key = try json.nextKey()
        }
      } else {
        try json.skip()
      }
      system = try json.nextKey()
    }
    return words
  }
}
