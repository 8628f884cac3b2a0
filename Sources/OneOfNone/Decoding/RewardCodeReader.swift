internal import Provisioning

/// Reads one `RewardCode` of the API.
struct RewardCodeReader {
  /// One item of a list.
  enum Item {
    case code(IssuedCode)
    case null
    /// Neither: it is not certain which code it is, if it is one. The id is kept if that is certain.
    case unreadable(CodeID?)
  }

  /// The greatest depth of an item that is kept, from the answer on. The API's answers are five levels
  /// deep, and the database reads any text of this depth.
  static let deepest = 64

  private var id: CodeID?
  private var reward: RewardID?
  private var code: String?
  private var status: String?
  private var createdAt: Timestamp?
  private var expiresAt: Timestamp?
  private var updatedAt: Timestamp?
  private var externalIDs: [UInt8]?
  private var syncStatus = SyncStatus.none
  /// Whether there is a second id, or one that is none.
  private var isIDDoubtful = false

  private init() {}

  /// The last values of fields that most codes of an answer share, so that they are parsed once.
  struct Shared {
    fileprivate var reward = LastRead<RewardID>()
    fileprivate var createdAt = LastRead<Timestamp>()
    fileprivate var expiresAt = LastRead<Timestamp>()
    fileprivate var updatedAt = LastRead<Timestamp>()
  }

  /// Reads the next item.
  ///
  /// - Throws: If it is no JSON. What is JSON and no code is `unreadable`: it is no object, or `id`,
  ///   `rewardId` or `code` is missing, of the wrong form or there twice.
  static func read(_ json: inout JSONReader, _ shared: inout Shared) throws(JSONFailure) -> Item {
    let isNull = try json.peek() == .null
    let start = json
    json.greatestDepth = 0
    var reader = RewardCodeReader()
    let code = isNull ? nil : try? reader.code(&json, &shared)
    if let code, json.greatestDepth <= deepest, json.isUTF8(from: start.position) {
      return .code(code)
    }
    json = start
    try json.skip()
    if isNull { return .null }
    return .unreadable(reader.isIDDoubtful ? nil : reader.id)
  }

  private mutating func code(
    _ json: inout JSONReader,
    _ shared: inout Shared
  ) throws(JSONFailure) -> IssuedCode {
    var key = try json.firstKey()
    var failure: JSONFailure?
    while let name = key {
      let value = json
      do throws(JSONFailure) {
        try take(name, from: &json, &shared)
      } catch {
        // The rest may still tell which code it is.
        failure = error
        json = value
        try json.skip()
      }
      key = try json.nextKey()
    }
    if let failure { throw failure }
    guard let id, let reward, let code else {
      throw json.failure("an item with `id`, `rewardId` and `code` before here")
    }
    return IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: status ?? "unknown",
      createdAt: createdAt,
      expiresAt: expiresAt,
      updatedAt: updatedAt,
      externalIDs: externalIDs ?? Array("{}".utf8),
      syncStatus: syncStatus
    )
  }

  private mutating func take(
    _ name: JSONReader.Text,
    from json: inout JSONReader,
    _ shared: inout Shared
  ) throws(JSONFailure) {
    switch Field(name, in: json) {
    case .id:
      isIDDoubtful = true
      guard id == nil else { throw json.failure("no second `id`") }
      id = CodeID(try Self.unique(json.text(), .id, json))
      isIDDoubtful = false
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
      status = try json.textOrNil().flatMap { try? json.string($0) }
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
    init?(_ name: JSONReader.Text, in json: JSONReader) {
      if name.hasEscapes {
        self.init(rawValue: (try? json.string(name)) ?? "")
        return
      }
      switch name.bounds.count {
      case 2 where json.matches(name, "id"): self = .id
      case 4 where json.matches(name, "code"): self = .code
      case 6 where json.matches(name, "status"): self = .status
      case 8 where json.matches(name, "rewardId"): self = .reward
      case 9 where json.matches(name, "createdAt"): self = .createdAt
      case 9 where json.matches(name, "expiresAt"): self = .expiresAt
      case 9 where json.matches(name, "updatedAt"): self = .updatedAt
      case 11 where json.matches(name, "externalIds"): self = .externalIDs
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
          if json.matches(name, "syncStatus") {
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
    if json.matches(text, "synced") { return .synced }
    return SyncStatus(word: (try? json.string(text)) ?? "")
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
