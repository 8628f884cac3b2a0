import Provisioning
import Testing

@testable import Worker

@Suite("the memory of listings")
struct ListingMemoryTests {
  @Test("a listing that takes more than half of the memory is too long, any other waits for it")
  func shared() {
    let memory = ListingMemory(most: 100)
    var (long, short) = (ListingMemory.Share(), ListingMemory.Share())
    #expect(memory.grow(&long, to: 60) == nil)
    #expect(memory.grow(&long, to: 80) == nil)
    #expect(memory.grow(&short, to: 20) == nil)
    let failure = memory.grow(&short, to: 21)
    #expect(failure?.isOfTheList == false && failure?.message.contains("other listings") == true)
    #expect(memory.grow(&long, to: 81)?.isOfTheList == true)
    memory.free(long)
    #expect(memory.grow(&short, to: 100) == nil)
    memory.free(short)
    var next = ListingMemory.Share()
    #expect(memory.grow(&next, to: 100) == nil)
  }

  @Test("what a listing gives back for a restart is not taken twice")
  func restarted() {
    let memory = ListingMemory(most: 100)
    var share = ListingMemory.Share()
    #expect(memory.grow(&share, to: 90) == nil)
    #expect(memory.grow(&share, to: 10) == nil)
    #expect(memory.grow(&share, to: 100) == nil)
    #expect(memory.grow(&share, to: 101) == .endless(reached: "0 MB of codes' ids"))
  }
}
