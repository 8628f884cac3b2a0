import MemoryStore
import Provisioning
import Testing

@Suite("How many codes the next call asks for")
struct CallPlanTests {
  @Test("a call asks for all the room there is, up to the largest call")
  func everyRoom() {
    for count in 1...60 {
      for issued in 0...count {
        for outstanding in 0...(count - issued) {
          let room = count - issued - outstanding
          let size = CallPlan.nextSize(
            count: count,
            issued: issued,
            outstanding: outstanding,
            largest: 7
          )
          #expect(size == (room == 0 ? nil : min(room, 7)))
        }
      }
    }
  }

  @Test("the largest call is the API's 500 unless something else is said")
  func largest() {
    #expect(CallPlan.nextSize(count: 25_000, issued: 0, outstanding: 0) == 500)
    #expect(CallPlan.nextSize(count: 25_000, issued: 24_000, outstanding: 999) == 1)
    #expect(CallPlan.nextSize(count: 25_000, issued: 24_500, outstanding: 500) == nil)
  }

  @Test("the number of calls is what asking until nothing is left takes")
  func numberOfCalls() {
    for count in 1...1200 {
      var (issued, calls) = (0, 0)
      while let size = CallPlan.nextSize(count: count, issued: issued, outstanding: 0, largest: 100)
      {
        issued += size
        calls += 1
      }
      #expect(calls == (count + 99) / 100)
    }
    #expect(CallPlan.nextSize(count: 0, issued: 0, outstanding: 0) == nil)
  }

  /// Several calls in flight, ending in any order with all, some or none of their codes.
  @Test(
    "whatever the outcomes, a job ends with exactly its count and never holds or asks for more",
    arguments: 0..<200 as Range<UInt64>
  )
  func simulatedJob(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    let count = Int.random(in: 1...6000, using: &random)
    let largest = Int.random(in: 1...500, using: &random)
    let maxInFlight = Int.random(in: 1...8, using: &random)
    var issued = 0
    var inFlight: [Int] = []
    while issued < count {
      let outstanding = inFlight.reduce(0, +)
      #expect(issued + outstanding <= count)
      let size = CallPlan.nextSize(
        count: count,
        issued: issued,
        outstanding: outstanding,
        largest: largest
      )
      if let size, inFlight.count < maxInFlight, Bool.random(using: &random) || inFlight.isEmpty {
        #expect((1...largest).contains(size))
        inFlight.append(size)
      } else if !inFlight.isEmpty {
        let size = inFlight.remove(at: Int.random(in: inFlight.indices, using: &random))
        switch Int.random(in: 0..<4, using: &random) {
        case 0: break  // rejected, unsent or absent: its room is free again
        case 1: issued += Int.random(in: 0...size, using: &random)
        default: issued += size
        }
      } else {
        Issue.record(
          "nothing is in flight, \(count - issued) codes are missing, no call is planned"
        )
        return
      }
    }
    #expect(issued == count)
    #expect(CallPlan.nextSize(count: count, issued: issued, outstanding: 0) == nil)
  }
}
