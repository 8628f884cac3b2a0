/// How the text of a code looks: the prefix literally, then `length` characters of `alphabet`.
public struct CodeShape: Sendable, Hashable {
  /// Number of characters behind the prefix, at most 64.
  public var length: Int
  /// The characters to use, printable ASCII without quote and backslash, each once.
  public var alphabet: String

  /// Defaults to ten capitals and digits without those that are easily misread.
  public init(length: Int = 10, alphabet: String = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789") {
    self.length = length
    self.alphabet = alphabet
  }

  /// Texts are unique because they number the codes; a shape with fewer than 2^32 texts could run out.
  func validate() throws(SandboxError) {
    let characters = Array(alphabet.utf8)
    let allowed = characters.allSatisfy {
      (0x21...0x7e).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
    }
    guard allowed, characters.count >= 2, Set(characters).count == characters.count else {
      throw .configuration(
        "the alphabet of codes needs two or more different printable ASCII characters, "
          + "without quote and backslash"
      )
    }
    guard (1...64).contains(length) else {
      throw .configuration("the length of codes is 1 to 64 characters")
    }
    guard CodeText.numbered(length: length, alphabet: characters.count).capacity >= 1 << 32 else {
      throw .configuration("codes of that length and alphabet could run out: need 2^32 of them")
    }
  }
}

/// How codes appear in Shopify and Stripe, which is what `externalIds` tells.
public struct SyncShape: Sendable, Hashable {
  /// A system that codes are copied to.
  public enum System: String, Sendable, Hashable, CaseIterable {
    /// Shopify discounts.
    case shopify
    /// Stripe promotion codes.
    case stripe
  }

  /// The systems that every code is copied to; none leaves `externalIds` empty.
  public var systems: Set<System>
  /// Share of codes that come back `pending`, 0 to 1, for each system by itself; the rest is `synced`.
  public var pendingShare: Double
  /// Share of the pending ones that end in `error`, 0 to 1; the rest ends `synced`.
  public var errorShare: Double
  /// How long a pending code stays pending.
  public var pendingFor: Duration
  /// How much longer it may take, drawn for each code by itself.
  public var pendingSpread: Duration

  /// Defaults to Shopify only, a quarter of the codes pending for two seconds, one in 200 of those failing.
  public init(
    systems: Set<System> = [.shopify],
    pendingShare: Double = 0.25,
    errorShare: Double = 0.005,
    pendingFor: Duration = .seconds(2),
    pendingSpread: Duration = .zero
  ) {
    self.systems = systems
    self.pendingShare = pendingShare
    self.errorShare = errorShare
    self.pendingFor = pendingFor
    self.pendingSpread = pendingSpread
  }

  func validate() throws(SandboxError) {
    guard (0...1).contains(pendingShare), (0...1).contains(errorShare) else {
      throw .configuration("shares of pending and failing codes are between 0 and 1")
    }
    guard pendingFor >= .zero, pendingSpread >= .zero else {
      throw .configuration("codes stay pending for no or some time, not a negative one")
    }
  }
}

/// What becomes of codes after they were made: customers claim them, they expire, they are revoked.
public struct FateShape: Sendable, Hashable {
  /// Share of codes, 0 to 1, whose status changes, once.
  public var share: Double
  /// The shortest time from a code's birth to its change.
  public var after: Duration
  /// How much longer it may take, drawn for each code by itself.
  public var spread: Duration

  /// Defaults to nothing becoming of any.
  public init(share: Double = 0, after: Duration = .zero, spread: Duration = .zero) {
    self.share = share
    self.after = after
    self.spread = spread
  }

  func validate() throws(SandboxError) {
    guard (0...1).contains(share) else {
      throw .configuration("the share of codes whose status changes is between 0 and 1")
    }
    guard after >= .zero, spread >= .zero else {
      throw .configuration("codes change after no or some time, not a negative one")
    }
  }
}
