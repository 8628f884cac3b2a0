internal import Provisioning

/// What the API's documents say about its answers, as data: statuses, fields, types and words.
///
/// Answers are held against it so that a change of the API is noticed. Nothing is refused because of a
/// difference: `AnswerDecoder` decides what can be understood.
enum Contract {
  /// A request of the API that codemint makes.
  enum Endpoint: String, Sendable, CaseIterable {
    case generate, list, sync, team

    /// The statuses that the documents list. They list none of 401, 403, 429 and 5xx.
    var statuses: Set<Int> {
      switch self {
      case .generate: [201, 400, 404]
      case .list, .sync: [200, 404]
      case .team: [200]
      }
    }

    /// What a body with this status has to be; nil if the documents do not say.
    func shape(status: Int) -> Shape? {
      switch (self, status) {
      case (.generate, 201): Contract.generated
      case (.list, 200): Contract.listed
      case (_, 400...): Contract.error
      default: nil
      }
    }
  }

  /// What a value has to be.
  indirect enum Shape: Sendable {
    case text
    case uuid
    /// A text that `Timestamp` reads.
    case time
    case word(Set<String>)
    case orNull(Shape)
    case array(Shape)
    /// An object. If it is `open`, it may have other fields.
    case object([Field], open: Bool = false)
  }

  /// A field of an object.
  struct Field: Sendable {
    let name: String
    let shape: Shape
    var isRequired = true
  }

  private static let generated = Shape.object([Field(name: "codes", shape: .array(.orNull(code)))])

  private static let listed = Shape.object([
    Field(name: "data", shape: .array(.orNull(code))),
    Field(name: "pagination", shape: .object([], open: true)),
  ])

  private static let error = Shape.object(
    [
      Field(name: "message", shape: .text),
      Field(name: "code", shape: .text),
      Field(name: "details", shape: .object([], open: true), isRequired: false),
    ],
    open: true
  )

  private static let code = Shape.object([
    Field(name: "id", shape: .uuid),
    Field(name: "rewardId", shape: .uuid),
    Field(name: "code", shape: .text),
    Field(
      name: "status",
      shape: .word(["available", "reserved", "redeemed", "expired", "revoked"])
    ),
    Field(name: "reservedFor", shape: .orNull(.text)),
    Field(name: "redeemedBy", shape: .orNull(.text)),
    Field(name: "redeemedAt", shape: .orNull(.time)),
    Field(name: "orderId", shape: .orNull(.text)),
    Field(name: "externalOrderId", shape: .orNull(.text)),
    Field(name: "createdAt", shape: .time),
    Field(name: "expiresAt", shape: .orNull(.time)),
    Field(name: "updatedAt", shape: .orNull(.time)),
    Field(
      name: "externalIds",
      shape: .object(
        SyncSystem.allCases.map { Field(name: $0.rawValue, shape: copy, isRequired: false) },
        open: true
      )
    ),
  ])

  /// A code's copy in another system.
  private static let copy = Shape.object([
    Field(name: "discountId", shape: .text),
    Field(name: "codeId", shape: .orNull(.text)),
    Field(name: "syncedAt", shape: .time),
    Field(name: "syncStatus", shape: .word(["synced", "pending", "error"])),
    Field(name: "error", shape: .orNull(.text)),
  ])
}
