import Glibc

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

/// Plain threads for work that blocks, which must stay off Swift's cooperative pool.
enum Threads {
  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  /// Starts a detached thread.
  ///
  /// Signals stay with the threads that the application gave them to: they are blocked here, so that
  /// none interrupts a call of libpq.
  /// - Returns: false if the system has no thread to give.
  static func start(_ run: @escaping @Sendable () -> Void) -> Bool {
    let body = unsafe Unmanaged.passRetained(Body(run))
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))

    var blocked = sigset_t()
    var before = sigset_t()
    unsafe sigfillset(&blocked)
    unsafe pthread_sigmask(SIG_SETMASK, &blocked, &before)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &before, nil) }

    var thread = pthread_t()
    let code = unsafe pthread_create(
      &thread,
      &attributes,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      },
      body.toOpaque()
    )
    guard code == 0 else {
      unsafe body.release()
      return false
    }
    return true
  }
}

/// A value under a mutex, with a condition variable to wait on until the value allows to go on.
///
/// `Synchronization.Mutex` has no condition, and a blocking wait is what a thread of its own is for.
/// Unchecked: the mutex guards every access to `state`.
@safe
final class Monitor<State>: @unchecked Sendable {
  /// What a look at the state came to.
  enum Look<Value> {
    case ready(Value)
    case wait(until: Moment)
  }

  private var state: State
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  init(_ state: State) {
    self.state = state
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    unsafe pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    unsafe pthread_cond_init(condition, &attributes)
    unsafe pthread_condattr_destroy(&attributes)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  /// Changes the state and wakes whoever waits for it, unless `body` says that nobody needs to look.
  func update<Value>(_ body: (inout State, _ wakes: inout Bool) -> Value) -> Value {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    var wakes = true
    let value = body(&state, &wakes)
    if wakes { unsafe pthread_cond_signal(condition) }
    return value
  }

  /// Blocks the calling thread until `look` is ready. There may be one waiting thread at a time.
  func wait<Value>(_ look: (inout State) -> Look<Value>) -> Value {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while true {
      switch look(&state) {
      case .ready(let value):
        return value
      case .wait(.never):
        unsafe pthread_cond_wait(condition, mutex)
      case .wait(let moment):
        var time = moment.timespec
        unsafe pthread_cond_timedwait(condition, mutex, &time)
      }
    }
  }
}

extension Moment {
  static func ~= (pattern: Moment, value: Moment) -> Bool { pattern == value }
}
