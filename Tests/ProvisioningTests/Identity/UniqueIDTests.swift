import MemoryStore
import Provisioning
import Testing

@Suite("Unique identifiers")
struct UniqueIDTests {
  @Test("the text form is the bits in hexadecimal, most significant first")
  func textForm() throws {
    let text = "01234567-89ab-cdef-fedc-ba9876543210"
    let id = try #require(UniqueID(text))
    #expect(id.bits == 0x0123_4567_89AB_CDEF_FEDC_BA98_7654_3210)
    #expect(id.description == text)
  }

  @Test("the smallest and the largest identifier have a text form")
  func extremes() {
    #expect(UniqueID(bits: 0).description == "00000000-0000-0000-0000-000000000000")
    #expect(UniqueID(bits: .max).description == "ffffffff-ffff-ffff-ffff-ffffffffffff")
  }

  @Test("each of the 128 bits survives the way through text")
  func everyBit() {
    for position in 0..<128 {
      let id = UniqueID(bits: UInt128(1) << UInt128(position))
      #expect(UniqueID(id.description) == id)
    }
  }

  @Test("upper case and mixed case are read, lower case is written")
  func letterCase() {
    let id = UniqueID("3C90C3CC-0d44-4B50-8888-8DD25736052A")
    #expect(id?.description == "3c90c3cc-0d44-4b50-8888-8dd25736052a")
  }

  @Test(
    "text that is not exactly the 8-4-4-4-12 form is refused",
    arguments: [
      "", "-", "3c90c3cc0d444b5088888dd25736052a", "3c90c3cc-0d44-4b50-8888-8dd25736052",
      "3c90c3cc-0d44-4b50-8888-8dd25736052a0", "{3c90c3cc-0d44-4b50-8888-8dd257360}",
      "3c90c3cc-0d44-4b50-88888-dd25736052a", "3c90c3cc-0d44-4b50-8888-8dd25736052g",
      "3c90c3cc 0d44-4b50-8888-8dd25736052a", " c90c3cc-0d44-4b50-8888-8dd25736052a",
      "3c90c3cc-0d44-4b50-8888-8dd25736052\n", "３c90c3cc-0d44-4b50-8888-8dd25736052",
      "--------------------0---------------", "+c90c3cc-0d44-4b50-8888-8dd25736052a",
    ]
  )
  func refusedText(_ text: String) {
    #expect(UniqueID(text) == nil)
  }

  @Test("one wrong byte anywhere is refused")
  func wrongByteAnywhere() {
    let good = Array("3c90c3cc-0d44-4b50-8888-8dd25736052a".utf8)
    for offset in good.indices {
      for wrong in ["/", ":", "@", "G", "`", "g", "_"].map({ UInt8(ascii: $0) }) {
        var bytes = good
        bytes[offset] = wrong
        #expect(UniqueID(String(decoding: bytes, as: UTF8.self)) == nil)
      }
    }
  }

  @Test(
    "random identifiers are of version 4 and variant 10, and differ",
    arguments: 0..<4 as Range<UInt64>
  )
  func versionAndVariant(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    var seen = Set<UniqueID>()
    var everSet: UInt128 = 0
    var everClear: UInt128 = 0
    for _ in 0..<1000 {
      let id = UniqueID(random: &random)
      #expect(id.bits >> 76 & 0xF == 4)
      #expect(id.bits >> 62 & 0x3 == 2)
      everSet |= id.bits
      everClear |= ~id.bits
      seen.insert(id)
    }
    #expect(seen.count == 1000)
    let fixed = UInt128(0xF) << 76 | UInt128(0x3) << 62
    #expect(everSet & everClear == ~fixed, "every other bit is random")
  }

  @Test("the version and the variant stand where the text form shows them")
  func versionInText() {
    var random = SeededRandom(seed: 9)
    let letters = Array(UniqueID(random: &random).description)
    #expect(letters[14] == "4")
    #expect("89ab".contains(letters[19]))
  }

  @Test("identifiers order as their text does")
  func order() {
    var random = SeededRandom(seed: 5)
    for _ in 0..<500 {
      let left = UniqueID(random: &random)
      let right = UniqueID(random: &random)
      #expect((left < right) == (left.description < right.description))
    }
  }

  @Test("every kind of identifier describes itself by its text and orders by it")
  func kinds() {
    let (low, high) = (Samples.id(1), Samples.id(2))
    #expect(CallID(low) < CallID(high) && CallID(low).description == low.description)
    #expect(CodeID(low).description == low.description)
    #expect(RewardID(low).description == low.description)
    #expect(WorkerID(low).description == low.description)
    #expect(JobID(1) < JobID(2) && JobID(12).description == "12")
  }
}
