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
