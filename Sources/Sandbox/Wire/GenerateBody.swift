internal import NIOCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// The body of a generate request, read as strictly as the contract words it: no other keys, `count` an
/// integer of 1 to 500, `prefix` a string of 1 to 32 characters if it is there at all.
struct GenerateBody: Decodable, Equatable {
  let count: Int
  let prefix: String?

  private struct Key: CodingKey {
    let stringValue: String
    let intValue: Int? = nil
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  init(_ buffer: ByteBuffer) throws(Refusal) {
    do {
      self = try JSONDecoder().decode(GenerateBody.self, from: Data(buffer.readableBytesView))
    } catch let refusal as Refusal {
      throw refusal
    } catch {
      throw .invalid("the body is not a JSON object")
    }
  }

  init(from decoder: any Decoder) throws {
    let object = try decoder.container(keyedBy: Key.self)
    let known = ["count", "prefix"]
    if let extra = object.allKeys.map(\.stringValue).filter({ !known.contains($0) }).min() {
      throw Refusal.invalid("the body has a key that is not allowed", field: extra)
    }
    guard let count = try? object.decode(Int.self, forKey: Key(stringValue: "count")),
      (1...500).contains(count)
    else {
      throw Refusal.invalid("count must be an integer of 1 to 500", field: "count")
    }
    self.count = count
    guard object.contains(Key(stringValue: "prefix")) else {
      prefix = nil
      return
    }
    // JSON Schema counts code points, not characters as Swift sees them.
    guard let prefix = try? object.decode(String.self, forKey: Key(stringValue: "prefix")),
      (1...32).contains(prefix.unicodeScalars.count)
    else {
      throw Refusal.invalid("prefix must be a string of 1 to 32 characters", field: "prefix")
    }
    self.prefix = prefix
  }
}
