// Tells ThreadSanitizer of the locks that it cannot see: preloaded by scripts/sanitize.
//
// A `Mutex` of Swift that nobody else holds is locked by an atomic exchange in the code that uses it,
// which is instrumented. One that is contended is locked and unlocked by futexes inside the Swift
// runtime (libswiftSynchronization), which is not: what its owners did one after the other looks
// then as if done at once, and every state in a Mutex would be reported as a race. These functions
// stand before those of the runtime, call them, and say what they did. `handle` is the lock word
// itself, the same address that the atomic exchange names.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>

// There in a process that is built for the sanitizer, and nowhere else.
__attribute__((weak)) void __tsan_acquire(void *address);
__attribute__((weak)) void __tsan_release(void *address);

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
#define LOCK "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define TRY "$s15Synchronization12_MutexHandleV12_tryLockSlowSbyF"
#define UNLOCK "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

SWIFT void lock_slow(uint32_t thread, SELF void *handle) __asm__(LOCK);
SWIFT bool try_lock_slow(SELF void *handle) __asm__(TRY);
SWIFT void unlock_slow(SELF void *handle) __asm__(UNLOCK);

// _MutexHandle._lockSlow(UInt32)
SWIFT void lock_slow(uint32_t thread, SELF void *handle) {
  SWIFT void (*next)(uint32_t, SELF void *) = dlsym(RTLD_NEXT, LOCK);
  next(thread, handle);
  if (__tsan_acquire) __tsan_acquire(handle);
}

// _MutexHandle._tryLockSlow() -> Bool
SWIFT bool try_lock_slow(SELF void *handle) {
  SWIFT bool (*next)(SELF void *) = dlsym(RTLD_NEXT, TRY);
  bool is_locked = next(handle);
  if (is_locked && __tsan_acquire) __tsan_acquire(handle);
  return is_locked;
}

// _MutexHandle._unlockSlow()
SWIFT void unlock_slow(SELF void *handle) {
  if (__tsan_release) __tsan_release(handle);
  SWIFT void (*next)(SELF void *) = dlsym(RTLD_NEXT, UNLOCK);
  next(handle);
}
