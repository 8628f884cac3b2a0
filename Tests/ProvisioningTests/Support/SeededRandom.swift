// Tests of the rules: values in, values out. Nothing here waits, reads a clock or needs a server.
//
// Where the cases can be counted they are all tried; elsewhere a seeded generator makes thousands
// of them, and the seed is the argument of the test, so that a failure names what replays it.
// The rooms are those of Sources/Provisioning: Identity, Time, Planning, Pacing, Codes, Settling,
// and States for the enumerations of jobs and calls. Support holds what several rooms need.

/// A random number generator whose whole sequence follows from its seed (SplitMix64).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
