import Glibc

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
