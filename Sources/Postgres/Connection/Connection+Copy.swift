internal import CLibPQ

/// A COPY of rows into a table, which inserts them in batches: much cheaper than a statement that
/// inserts as many.
public struct CopyIn: Sendable {
  /// The text, `COPY table (columns) FROM STDIN (FORMAT binary)`.
  let statement: Statement
  let patience: Duration
  let rows: @Sendable (Int64) -> CopyRows

  /// A COPY of the rows that `rows` makes, given the server's clock in microseconds since 1970: a
  /// COPY has no expressions that could ask for it.
  /// - Parameter patience: How long the server waits for the statement behind the rows before it takes
  ///   the transaction back. Rows that are inserted and not committed keep others from inserting the
  ///   same, which must end if this process is stopped.
  public init(
    _ statement: Statement,
    patience: Duration,
    rows: @escaping @Sendable (Int64) -> CopyRows
  ) {
    self.statement = statement
    self.patience = patience
    self.rows = rows
  }
}

/// Rows on their way into a table by COPY, already encoded in its binary format.
///
/// The values of a row are appended in the order of the statement's columns, from `beginRow` on. The
/// format is that of the Postgres manual, COPY, "Binary Format".
public struct CopyRows: Sendable {
  private var bytes: [UInt8]
  private let columns: Int16
  /// How many rows there are.
  private(set) var number = 0

  /// No rows yet.
  /// - Parameters:
  ///   - columns: How many columns each has.
  ///   - capacity: About how many bytes there will be.
  public init(columns: Int16, capacity: Int = 0) {
    self.columns = columns
    bytes = []
    bytes.reserveCapacity(capacity + Self.head.count + Self.end.count)
    bytes += Self.head
  }

  /// Begins a row, whose values are appended next, one a column.
  public mutating func beginRow() {
    bytes.append(bigEndian: columns)
    number += 1
  }

  /// Appends a `bigint`.
  public mutating func append(int8 value: Int64) { append(fixed: value) }

  /// Appends a `uuid`, its first byte the number's most significant.
  public mutating func append(uuid value: UInt128) { append(fixed: value) }

  /// Appends a `text`.
  public mutating func append(text value: String) {
    let utf8 = value.utf8
    bytes.append(bigEndian: Int32(utf8.count))
    bytes.append(contentsOf: utf8)
  }

  /// Appends a `jsonb` from JSON text in UTF-8.
  public mutating func append(jsonb utf8: [UInt8]) {
    bytes.append(bigEndian: Int32(utf8.count + 1))
    bytes.append(Parameter.jsonbVersion)
    bytes.append(contentsOf: utf8)
  }

  /// Appends a `timestamptz`; see `Parameter.timestamptz(microsecondsSinceUnixEpoch:)`.
  public mutating func append(microsecondsSinceUnixEpoch value: Int64?) {
    guard let value else { return bytes.append(bigEndian: Int32(-1)) }
    append(fixed: Parameter.serverTimestamp(value))
  }

  /// Length and value in one copy: of 500 codes there are thousands.
  private mutating func append<Value: FixedWidthInteger & Sendable>(fixed value: Value) {
    let size = MemoryLayout<Value>.size
    unsafe withUnsafeTemporaryAllocation(byteCount: 4 + size, alignment: 4) { buffer in
      unsafe buffer.storeBytes(of: Int32(size).bigEndian, as: Int32.self)
      unsafe buffer.storeBytes(of: value.bigEndian, toByteOffset: 4, as: Value.self)
      unsafe bytes.append(contentsOf: buffer)
    }
  }

  /// The signature, no flags, no extension.
  private static let head: [UInt8] =
    Array("PGCOPY\n".utf8) + [0xFF, 0x0D, 0x0A, 0] + [UInt8](repeating: 0, count: 8)

  /// What stands in the place of a row's number of columns behind the last one.
  private static let end = [UInt8](bigEndian: Int16(-1))

  /// The bytes with their end.
  var ended: [UInt8] { bytes + Self.end }
}

extension CopyRows: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The size only: a value may be a secret.
  public var description: String { "\(bytes.count) bytes of rows" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// Shows what `description` shows.
  public var customMirror: Mirror { Mirror(self, children: ["bytes": bytes.count]) }
}

extension Connection {
  /// Sends rows into a table and runs a statement behind them, both as one transaction; then runs
  /// others as transactions of their own.
  ///
  /// If the rows or the statement are refused, nothing of that transaction stays, and the others are
  /// not run.
  /// - Returns: The answer of the statement, once its transaction is committed, and the answers of the
  ///   others; nil if they were not run.
  /// - Throws: Only if nothing was sent.
  public func query(
    _ copy: CopyIn,
    with first: Query,
    then others: [Query],
    deadline: Duration? = nil
  ) async throws(PostgresError) -> (
    first: Result<Rows, PostgresError>, others: [Result<Rows, PostgresError>]?
  ) {
    guard link.isOpen, link.isIdle else {
      throw PostgresError(.unsupported, "a transaction cannot run within another one")
    }
    let (replies, cause) = try await supervise(deadline) { exchange(copy, first, others) }
    return (replies.first.explained(by: cause), replies.others?.map { $0.explained(by: cause) })
  }

  private typealias Replies = (first: Link.Reply, others: [Link.Reply]?)

  private func exchange(_ copy: CopyIn, _ first: Query, _ others: [Query]) -> Replies {
    if case .failure(let error) = link.run(copy) {
      rollBack()
      return (.failure(error), nil)
    }
    let replies = pipelined {
      (first: send(first, thenCommit: true), others: others.map { send($0) })
    } receiving: { sent in
      (first: receive(sent.first), others: sent.others.map { receive($0).reply })
    }
    guard let replies else { return (.failure(link.sendError()), nil) }
    let isOpen = link.isGood && !link.isIdle
    if isOpen { rollBack() }
    let reply = replies.first.replies.flatMap { Self.committed($0) }
    if ([reply] + replies.others).contains(where: \.isPreparedStatementGone) { forgetPrepared() }
    return (reply, isOpen ? nil : replies.others)
  }

  /// Ends a transaction that was refused, unless the connection is being given up anyway.
  private func rollBack() {
    guard link.isGood, !interrupter.hasFired else { return }
    _ = link.run(script: "ROLLBACK")
  }

  /// The answer of a statement whose COMMIT answered as the last of its segment.
  private static func committed(_ replies: [Rows]) -> Link.Reply {
    guard replies.count == 2 else { return .failure(.noAnswer) }
    return Result { () throws(PostgresError) in
      try confirm(replies[1])
      return replies[0]
    }
  }
}

extension Link {
  /// Opens a transaction and sends rows into a table in it. The transaction stays open, broken if the
  /// rows were refused.
  func run(_ copy: CopyIn) -> Reply {
    guard sendScript(copy.script) else { return .failure(sendError()) }
    var clock: Int64 = 0
    var failure: PostgresError?
    // What BEGIN says, the server's clock, and that the server waits for rows, or why it does not.
    while let result = nextResult() {
      if result.handle.status == PGRES_COPY_IN { return send(copy.rows(clock)) }
      switch judge(result) {
      case .rows: clock = result.number ?? clock
      case .sync: break
      case .failed(let error): failure = failure ?? error
      case .hopeless(let error): return .failure(error)
      }
    }
    return .failure(failure ?? lostError())
  }

  /// All rows are one message, whose last bytes libpq keeps back until the COPY is ended (unless they
  /// happen to fill a block of 8 KiB): the server looks at a message when it is complete, so a process
  /// that is stopped here has inserted nothing.
  private func send(_ rows: CopyRows) -> Reply {
    guard put(rows.ended), putEnd() else {
      // The connection broke: how COPY ended will not be heard of.
      derail()
      return .failure(lostError())
    }
    return collect().flatMap { answer in
      answer.commandTag == "COPY \(rows.number)" ? .success(answer) : .failure(.rowsMissing(answer))
    }
  }
}

extension PostgresError {
  /// The server says that it has written fewer rows than it got: a trigger keeps rows out without a word.
  fileprivate static func rowsMissing(_ answer: Rows) -> PostgresError {
    PostgresError(.server, "not every row was written: \(answer.commandTag)")
  }
}

extension CopyIn {
  fileprivate var script: String {
    let milliseconds = max(1, patience.wholeMilliseconds)
    return """
      BEGIN;
      SET LOCAL idle_in_transaction_session_timeout = \(milliseconds);
      SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
      \(statement.sql)
      """
  }
}

extension ResultStorage {
  /// The one value of an answer in text, if it has one and that is a number.
  fileprivate var number: Int64? {
    guard handle.rowCount == 1, handle.columnCount == 1 else { return nil }
    return unsafe handle.withBytes(row: 0, column: 0) { bytes in
      guard let bytes = unsafe bytes else { return nil }
      return unsafe Int64(String(decoding: bytes, as: UTF8.self))
    }
  }
}
