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
  private var externalIDs: [UInt8]?
  private var syncStatus = SyncStatus.none

  private init() {}

  /// The last values of fields that most codes of an answer share, so that they are parsed once.
  struct Shared {
    fileprivate var reward = LastRead<RewardID>()
    fileprivate var createdAt = LastRead<Timestamp>()
    fileprivate var expiresAt = LastRead<Timestamp>()
    fileprivate var updatedAt = LastRead<Timestamp>()
  }

  /// Reads the next value.
  ///
  /// - Throws: If the value is no object, or if `id`, `rewardId` or `code` is missing, unreadable or
  ///   there twice. Then it is uncertain which code it is.
  static func read(
    _ json: inout JSONReader,
    _ shared: inout Shared
  ) throws(JSONFailure) -> IssuedCode {
    var reader = RewardCodeReader()
    var key = try json.firstKey()
    while let name = key {
      try reader.take(name, from: &json, &shared)
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
      externalIDs: reader.externalIDs ?? Array("{}".utf8),
      syncStatus: reader.syncStatus
    )
  }

  private mutating func take(
    _ name: JSONReader.Text,
    from json: inout JSONReader,
    _ shared: inout Shared
  ) throws(JSONFailure) {
    switch try Field(name, in: json) {
    case .id:
      guard id == nil else { throw json.failure("no second `id`") }
      id = CodeID(try Self.unique(json.text(), .id, json))
    case .reward:
      guard reward == nil else { throw json.failure("no second `rewardId`") }
      let text = try json.text()
      reward = try shared.reward.value(of: text, in: json) { (text, json) throws(JSONFailure) in
        RewardID(try Self.unique(text, .reward, json))
      }
    case .code:
      guard code == nil else { throw json.failure("no second `code`") }
      code = try json.string()
    case .status:
      if let text = try json.textOrNil() { status = try json.string(text) } else { status = nil }
    case .createdAt:
      createdAt = try Self.moment(&json, &shared.createdAt)
    case .expiresAt:
      expiresAt = try Self.moment(&json, &shared.expiresAt)
    case .updatedAt:
      updatedAt = try Self.moment(&json, &shared.updatedAt)
    case .externalIDs:
      try takeExternalIDs(&json)
    case nil:
      try json.skip()
    }
  }

  /// The fields that are read, by their names.
  private enum Field: String {
    case id
    case reward = "rewardId"
    case code
    case status
    case createdAt
    case expiresAt
    case updatedAt
    case externalIDs = "externalIds"

    /// Nil for every other name. The length is compared first, because each code has thirteen names.
    init?(_ name: JSONReader.Text, in json: JSONReader) throws(JSONFailure) {
      if name.hasEscapes {
        self.init(rawValue: try json.string(name))
        return
      }
      switch name.bounds.count {
      case 2 where try json.matches(name, "id"): self = .id
      case 4 where try json.matches(name, "code"): self = .code
      case 6 where try json.matches(name, "status"): self = .status
      case 8 where try json.matches(name, "rewardId"): self = .reward
      case 9 where try json.matches(name, "createdAt"): self = .createdAt
      case 9 where try json.matches(name, "expiresAt"): self = .expiresAt
      case 9 where try json.matches(name, "updatedAt"): self = .updatedAt
      case 11 where try json.matches(name, "externalIds"): self = .externalIDs
      default: return nil
      }
    }
  }

  private static func unique(
    _ text: JSONReader.Text,
    _ field: Field,
    _ json: JSONReader
  ) throws(JSONFailure) -> UniqueID {
    guard let id = try json.withBytes(of: text, { UniqueID(utf8: $0.span) }) else {
      throw json.failure("a UUID for `\(field.rawValue)` before here")
    }
    return id
  }

  private static func moment(
    _ json: inout JSONReader,
    _ last: inout LastRead<Timestamp>
  ) throws(JSONFailure) -> Timestamp? {
    guard let text = try json.textOrNil() else { return nil }
    return try last.value(of: text, in: json) { (text, json) throws(JSONFailure) in
      try json.withBytes(of: text) { Timestamp(rfc3339: $0.span) }
    }
  }

  /// Keeps the bytes of the object, and the worst status of its systems. A value that is no object is
  /// not kept. It counts as pending, because nothing says that its sync is final.
  private mutating func takeExternalIDs(_ json: inout JSONReader) throws(JSONFailure) {
    switch try json.peek() {
    case .object:
      let start = json.position
      syncStatus = try Self.worstOfSystems(&json)
      externalIDs = Array(json.bytes[start..<json.position])
    case .null:
      try json.skip()
      (externalIDs, syncStatus) = (nil, .none)
    case .array, .string, .number, .boolean:
      try json.skip()
      (externalIDs, syncStatus) = (nil, .pending)
    }
  }

  /// The worst `syncStatus` of all systems. A status that is no text counts as an unknown word.
  private static func worstOfSystems(_ json: inout JSONReader) throws(JSONFailure) -> SyncStatus {
    var worst = SyncStatus.none
    var system = try json.firstKey()
    while system != nil {
      if try json.peek() == .object {
        var key = try json.firstKey()
        while let name = key {
          if try json.matches(name, "syncStatus") {
            worst = worst.worse(try word(&json))
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
    return worst
  }

  private static func word(_ json: inout JSONReader) throws(JSONFailure) -> SyncStatus {
    guard let text = try json.textOrNil() else { return SyncStatus(word: "") }
    // Most codes have this status.
    if try json.matches(text, "synced") { return .synced }
    return SyncStatus(word: try json.string(text))
  }
}

/// The last value of a field and its text. Most objects of a list have the same value, and comparing the
/// text is faster than parsing it.
struct LastRead<Value> {
  private var last: (text: JSONReader.Text, value: Value)?

  /// The value of a text. It calls `read` only if the text differs from the last one.
  mutating func value(
    of text: JSONReader.Text,
    in json: JSONReader,
    _ read: (JSONReader.Text, JSONReader) throws(JSONFailure) -> Value?
  ) throws(JSONFailure) -> Value? {
    if let last, json.areSame(text, last.text) { return last.value }
    let value = try read(text, json)
    last = value.map { (text, $0) }
    return value
  }
}
