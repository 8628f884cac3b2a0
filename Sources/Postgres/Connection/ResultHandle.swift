internal import CLibPQ

/// Owns one `PGresult`: a double `PQclear` does not compile.
@safe
struct ResultHandle: ~Copyable {
  private let pointer: OpaquePointer

  init(owning pointer: OpaquePointer) {
    unsafe self.pointer = unsafe pointer
  }

  deinit {
    unsafe PQclear(pointer)
  }

  var status: ExecStatusType { unsafe PQresultStatus(pointer) }
  var rowCount: Int { Int(unsafe PQntuples(pointer)) }
  var columnCount: Int { Int(unsafe PQnfields(pointer)) }

  /// The server's name for what it did, for instance COMMIT or `INSERT 0 1`.
  var commandTag: String { unsafe String(cString: PQcmdStatus(pointer)) }

  func columnName(_ column: Int) -> String {
    guard let name = unsafe PQfname(pointer, Int32(column)) else { return "" }
    return unsafe String(cString: name)
  }

  func columnType(_ column: Int) -> UInt32 {
    unsafe PQftype(pointer, Int32(column))
  }

  /// A field of a diagnostic, named by one of libpq's PG_DIAG codes.
  func field(_ code: Character) -> String? {
    guard let ascii = code.asciiValue,
      let text = unsafe PQresultErrorField(pointer, Int32(ascii))
    else { return nil }
    return unsafe String(cString: text)
  }

  /// The whole message, for errors that libpq made itself and that have no fields.
  var errorMessage: String {
    unsafe String(cString: PQresultErrorMessage(pointer)).trimmingNewlines
  }

  /// Lends a value's bytes; nil is SQL's null.
  func withBytes<Value>(
    row: Int,
    column: Int,
    _ body: (UnsafeRawBufferPointer?) -> Value
  ) -> Value {
    // libpq only warns of a wrong index, on stderr, and answers null.
    precondition(row >= 0 && row < rowCount && column >= 0 && column < columnCount)
    if unsafe PQgetisnull(pointer, Int32(row), Int32(column)) == 1 {
      return body(nil)
    }
    return unsafe body(
      UnsafeRawBufferPointer(
        start: PQgetvalue(pointer, Int32(row), Int32(column)),
        count: Int(PQgetlength(pointer, Int32(row), Int32(column)))
      )
    )
  }
}

extension String {
  /// libpq ends its messages with a line feed.
  var trimmingNewlines: String {
    var text = self[...]
    while let last = text.last, last.isNewline { text.removeLast() }
    return String(text)
  }
}

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

extension PostgresError {
  /// An error from what libpq knows of it: the server's fields, or libpq's own message.
  init(_ result: borrowing ResultHandle) {
    // FATAL and PANIC end the connection wherever the statement happened to be, its commit
    // included. So does an error that only libpq knows of.
    let severity = result.field("V") ?? result.field("S")
    let isLost = severity == nil || severity == "FATAL" || severity == "PANIC"
    self.init(isLost ? .connectionLost : .server, result.field("M") ?? result.errorMessage)
    sqlState = result.field("C")
    column = result.field("c")
    constraint = result.field("n")
    function = result.field("W").flatMap { Self.function(inContext: $0) }
    isStalePlan = sqlState == "0A000" && result.field("R") == "RevalidateCachedQuery"
    // The two states say in so many words that the outcome is unknown.
    isOutcomeUnknown = isLost || sqlState == "40003" || sqlState == "08007"
  }

  /// The function in the first line of a CONTEXT, such as `PL/pgSQL function public.f(bigint) line 3 at
  /// RAISE`. The words are translated, the signature is not; whatever else is in the line is data.
  private static func function(inContext context: String) -> String? {
    guard let line = context.split(whereSeparator: \.isNewline).first, line.hasPrefix("PL/pgSQL")
    else {
      return nil
    }
    return line.firstMatch(of: #/[\w$."]+\([^()]*\)/#).map { String($0.output) }
  }
}
