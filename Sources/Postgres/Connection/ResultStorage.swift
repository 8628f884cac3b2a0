/// Shares one `PGresult` between `Rows` and its `Row`s.
///
/// Unchecked: a `PGresult` is never changed after libpq has made it and may be read by any thread
/// (libpq manual, "Behavior in Threaded Programs").
final class ResultStorage: @unchecked Sendable {
  let handle: ResultHandle

  init(_ handle: consuming ResultHandle) {
    self.handle = handle
  }
}
