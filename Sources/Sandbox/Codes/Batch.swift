/// Codes that came into being together: those of one generate request, or of somebody else. All that is
/// kept of a code is its place in a batch (about a tenth of a byte for batches of 500); its id, text and
/// sync state follow from its number.
struct Batch: Sendable {
  /// Number of the first code, counted over all rewards; the others follow.
  let firstNumber: UInt64
  /// Place of the first code in its reward's list, oldest first.
  let firstPlace: Int
  let count: Int32
  /// Which of the prefixes in use, or -1 for none.
  let prefix: Int32
  /// Milliseconds since 1970 by the API's clock.
  let createdAt: Int64
  /// Nanoseconds on the monotonic clock.
  let born: UInt64
  /// Which request made them, or -1 for somebody else.
  let request: Int

  /// The numbers of its codes.
  var numbers: Range<UInt64> { firstNumber..<firstNumber + UInt64(count) }

  /// Place behind the last code.
  var endPlace: Int { firstPlace + Int(count) }
}
