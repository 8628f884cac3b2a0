/// Things to do at their times, those of one time in the order in which they were asked for.
struct TimerQueue {
  struct Timer {
    let time: Int64
    let number: Int
    let action: () -> Void
  }

  private var heap: [Timer] = []
  private var lastNumber = 0

  mutating func push(_ time: Int64, _ action: @escaping () -> Void) {
    lastNumber += 1
    heap.append(Timer(time: time, number: lastNumber, action: action))
    var child = heap.count - 1
    while child > 0, isEarlier(child, (child - 1) / 2) {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func popFirst(notAfter end: Int64) -> Timer? {
    guard let first = heap.first, first.time <= end else { return nil }
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    var parent = 0
    while true {
      let children = [2 * parent + 1, 2 * parent + 2].filter { $0 < heap.count }
      guard let child = children.min(by: isEarlier), isEarlier(child, parent) else { break }
      heap.swapAt(child, parent)
      parent = child
    }
    return first
  }

  private func isEarlier(_ one: Int, _ other: Int) -> Bool {
    (heap[one].time, heap[one].number) < (heap[other].time, heap[other].number)
  }
}
