/// Waiting for what gives no signal, such as a file that another program writes.
enum Patience {
  /// Looks every 10 ms.
  /// - Returns: False if the time was over first. A cancelled task looks once more and gives up.
  static func wait(_ time: Duration, until isTrue: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + time
    while !isTrue() {
      guard ContinuousClock.now < end, !Task.isCancelled else { return isTrue() }
      try? await Task.sleep(for: .milliseconds(10))
    }
    return true
  }
}
