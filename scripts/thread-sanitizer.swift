// Shows scripts/sanitize that ThreadSanitizer can be believed: four threads change what a contended
// Mutex guards, which is no race, and with the argument "race" also what nothing guards.

import Foundation
import Synchronization

final class Shared: @unchecked Sendable {
  let guarded = Mutex<[Int]>([])
  var unguarded = 0
}

let shared = Shared()
let races = CommandLine.arguments.contains("race")
let threads = (0..<4).map { number in
  Thread {
    for step in 0..<20_000 {
      shared.guarded.withLock { $0 = $0.count < 50 ? $0 + [step] : [] }
      if races, step % 1000 == number { shared.unguarded += 1 }
    }
  }
}
for thread in threads { thread.start() }
while !threads.allSatisfy(\.isFinished) { Thread.sleep(forTimeInterval: 0.01) }
