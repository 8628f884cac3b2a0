internal import CLibPQ

extension PostgresError {
  /// An error from what libpq knows of it: the server's fields, or libpq's own message.
  init(_ result: borrowing ResultHandle) {
    // FATAL and PANIC end the connection wherever the statement happened to be, its commit
    // included. So does an error that only libpq knows of.
    let severity = result.field("V") ?? result.field("S")
    let isLost = severity == nil || severity == "FATAL" || severity == "PANIC"
    self.init(isLost ? .connectionLost : .server, result.field("M") ?? result.errorMessage)
    sqlState = result.field("C")
    detail = result.field("D")
    hint = result.field("H")
    table = result.field("t")
    column = result.field("c")
    constraint = result.field("n")
    position = result.field("P").flatMap { Int($0) }
    isStalePlan = sqlState == "0A000" && result.field("R") == "RevalidateCachedQuery"
    // The two states say in so many words that the outcome is unknown.
    isOutcomeUnknown = isLost || sqlState == "40003" || sqlState == "08007"
  }
}
