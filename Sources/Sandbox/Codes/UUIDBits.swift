/// A UUID as two words: rewards are looked up by it, code ids are made of it.
struct UUIDBits: Hashable, Sendable {
  let high: UInt64
  let low: UInt64

  init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// Makes a UUID of version 4 that is different for every number and looks random.
  init(number: UInt64, seed: UInt64) {
    // `first` alone is one to one in the number; all of its bits survive: 60 in the high word, the last
    // four in the low one, since the version takes four bits of the high word and the variant two of the low.
    let first = mixed(number ^ seed)
    let second = mixed(number &+ mixed(seed))
    high = (first & ~0xffff) | 0x4000 | ((first >> 4) & 0x0fff)
    low = 0x8000_0000_0000_0000 | (first & 0xf) << 58 | second & 0x03ff_ffff_ffff_ffff
  }

  /// Reads the usual form of 36 characters, in any case.
  init?(_ text: some StringProtocol) {
    var words: (UInt64, UInt64) = (0, 0)
    var digits = 0
    var position = 0
    for byte in text.utf8 {
      defer { position += 1 }
      if position == 8 || position == 13 || position == 18 || position == 23 {
        guard byte == UInt8(ascii: "-") else { return nil }
        continue
      }
      let nibble: UInt8
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): nibble = byte - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): nibble = byte - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): nibble = byte - UInt8(ascii: "A") + 10
      default: return nil
      }
      if digits < 16 {
        words.0 = words.0 << 4 | UInt64(nibble)
      } else {
        words.1 = words.1 << 4 | UInt64(nibble)
      }
      digits += 1
    }
    guard digits == 32, position == 36 else { return nil }
    (high, low) = words
  }
}

extension UUIDBits: CustomStringConvertible {
  /// The usual form in lower case.
  var description: String {
    String(unsafeUninitializedCapacity: Pen.uuidLength) { bytes in
      var pen = Pen(UnsafeMutableRawBufferPointer(bytes))
      pen.write(self)
      return pen.written
    }
  }
}
