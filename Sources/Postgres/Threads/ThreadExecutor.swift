/// A serial executor on one thread of its own, for an actor that makes blocking calls.
///
/// The thread ends by itself when the last reference to the executor goes. Work in the queue holds
/// the executor, so that it cannot go while a job of its actor runs, even if that job drops the
/// last reference to the actor.
final class ThreadExecutor: SerialExecutor {
  private typealias Work = @Sendable () -> Void

  private struct Queue {
    var waiting: [Work] = []
    var isFinished = false
  }

  private let queue: Monitor<Queue>

  /// - Throws: `outOfResources` if the system has no thread to give.
  init() throws(PostgresError) {
    let queue = Monitor(Queue())
    self.queue = queue
    guard Threads.start({ ThreadExecutor.serve(queue) }) else {
      throw PostgresError(.outOfResources, "the system refused to start a thread")
    }
  }

  deinit {
    queue.update { queue, _ in queue.isFinished = true }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    run { [self] in unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
  }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe UnownedSerialExecutor(ordinary: self)
  }

  /// Runs `work` on the thread, after everything that was asked for before.
  func run(_ work: @escaping @Sendable () -> Void) {
    queue.update { queue, _ in queue.waiting.append(work) }
  }

  private static func serve(_ queue: Monitor<Queue>) {
    while runNext(queue) {}
  }

  /// One batch in a frame of its own: on return nothing here keeps the executor alive.
  private static func runNext(_ queue: Monitor<Queue>) -> Bool {
    let batch: [Work]? = queue.wait { queue in
      if !queue.waiting.isEmpty {
        defer { queue.waiting = [] }
        return .ready(queue.waiting)
      }
      return queue.isFinished ? .ready(nil) : .wait(until: .never)
    }
    guard let batch else { return false }
    for work in batch { work() }
    return true
  }
}
