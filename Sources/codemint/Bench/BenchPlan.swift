/// What is to be measured, and how much of it.
struct BenchPlan: Sendable {
  var sections = BenchSection.usual
  /// Codes of each end-to-end section.
  var codes = 1_000_000
  /// Jobs among which the codes of `many` are divided.
  var jobs = 2000
  /// Rows in the table before `grown`.
  var rows = 10_000_000
  /// Single jobs of `wake`.
  var wakes = 100
  /// Waiting jobs of `claim`, up to this many.
  var backlog = 1_000_000
  /// Seconds of `pace` and of `idle`.
  var seconds = 30
  /// Requests a second of `pace`.
  var pace = 20
  /// Calls in flight of the end-to-end sections.
  var inFlight = 4
}
