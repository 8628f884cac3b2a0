internal import Provisioning

/// One way in which an answer differs from the API's documents. It has no value of the answer in it.
public struct ContractDifference: Hashable, Sendable, CustomStringConvertible {
  /// The kind of difference.
  public enum Kind: String, Sendable, CaseIterable {
    /// A field that the documents do not list.
    case unknownField = "unknown_field"
    /// A field that the documents require is not there.
    case missingField = "missing_field"
    /// A value of another type, or a text that is no UUID or no time where one is required.
    case wrongType = "wrong_type"
    /// A word that the documents do not list.
    case unknownValue = "unknown_value"
    /// A status that the documents do not list.
    case status
    /// A body that is no JSON.
    case unreadable
  }

  /// The kind of difference.
  public let kind: Kind
  /// The request: `generate`, `list`, `sync` or `team`.
  public let request: String
  /// Where: a path of the documents, such as `data[].status`. For an unknown field it is the path of what
  /// has the field, and for a status the status. So there are about 300 places, whatever the API sends.
  public let place: String
  /// The name of an unknown field, or the unknown word, if it is made of known words.
  public let name: String?

  /// The requests that have differences.
  public static let requests = Contract.Endpoint.allCases.map(\.rawValue)

  /// Whether it is a status that codemint expects although the documents do not list it: a refused key or
  /// pace, or a server that fails.
  public var isExpected: Bool {
    kind == .status && (["401", "403", "408", "429"].contains(place) || place.hasPrefix("5"))
  }

  init(_ kind: Kind, _ request: Contract.Endpoint, _ place: String, name: String? = nil) {
    self.kind = kind
    self.request = request.rawValue
    self.place = place
    self.name = name
  }

  /// In words, for people: `list: data[] has the unknown field tier`.
  public var description: String {
    let spot = place.isEmpty ? "the answer" : place
    return switch kind {
    case .unknownField:
      "\(request): \(spot) has the unknown field \(name ?? "(a name not shown)")"
    case .missingField: "\(request): \(spot) is missing"
    case .wrongType: "\(request): \(spot) has another type"
    case .unknownValue: "\(request): \(spot) has the unknown word \(name ?? "(a word not shown)")"
    case .status: "\(request): status \(spot)"
    case .unreadable: "\(request): \(spot) is no JSON"
    }
  }
}

extension Contract {
  /// How many elements of each array are held against the contract. An API changes all of its objects at
  /// once, so a few show it.
  static let sample = 3

  /// The differences between an answer and the contract, each with how often it was seen.
  ///
  /// - Parameters:
  ///   - elements: How many elements of each array are looked at.
  ///   - looksInside: Whether the body is compared, and not only the status.
  static func differences(
    _ reply: Reply,
    _ request: Endpoint,
    elements: Int = sample,
    looksInside: Bool = true
  ) -> [ContractDifference: Int] {
    var found = Differences(request: request)
    if !request.statuses.contains(reply.status) {
      found.note(.status, place: name(of: reply.status))
    }
    guard looksInside, let shape = request.shape(status: reply.status) else { return found.counts }
    do {
      found.compare(try JSONTree.read(reply.body, elements: elements), with: shape, at: "")
    } catch {
      found.note(.unreadable, place: "")
    }
    return found.counts
  }

  /// Statuses without a meaning of their own are one place each hundred.
  private static func name(of status: Int) -> String {
    switch status {
    case 200...208, 300...308, 400...431, 500...511: "\(status)"
    default: "\(status / 100)xx"
    }
  }

  private struct Differences {
    let request: Endpoint
    private(set) var counts: [ContractDifference: Int] = [:]

    init(request: Endpoint) {
      self.request = request
    }

    mutating func note(_ kind: ContractDifference.Kind, place: String, name: String? = nil) {
      counts[ContractDifference(kind, request, place, name: name), default: 0] += 1
    }

    mutating func compare(_ value: JSONTree, with shape: Shape, at place: String) {
      switch (shape, value) {
      case (.orNull, .null), (.text, .string): break
      case (.orNull(let shape), _): compare(value, with: shape, at: place)
      case (.uuid, .string(let text)) where UniqueID(text) != nil: break
      case (.time, .string(let text)) where Timestamp(rfc3339: text) != nil: break
      case (.word(let words), .string(let text)):
        if !words.contains(text) {
          note(.unknownValue, place: place, name: KnownWords.isName(text) ? text : nil)
        }
      case (.array(let shape), .array(let elements, _)):
        for element in elements { compare(element, with: shape, at: "\(place)[]") }
      case (.object(let fields, let open), .object(let values)):
        compare(values, with: fields, open, at: place)
      case (.text, _), (.uuid, _), (.time, _), (.word, _), (.array, _), (.object, _):
        note(.wrongType, place: place)
      }
    }

    private mutating func compare(
      _ values: [(name: String, value: JSONTree)],
      with fields: [Field],
      _ open: Bool,
      at place: String
    ) {
      let path = place.isEmpty ? "" : "\(place)."
      for field in fields {
        guard let value = values.first(where: { $0.name == field.name })?.value else {
          if field.isRequired { note(.missingField, place: path + field.name) }
          continue
        }
        compare(value, with: field.shape, at: path + field.name)
      }
      guard !open else { return }
      // Any other name may be a code, if an object has codes for names.
      for (name, _) in values where !fields.contains(where: { $0.name == name }) {
        note(.unknownField, place: place, name: KnownWords.isName(name) ? name : nil)
      }
    }
  }
}
