internal import CLibPQ

/// Owns one `PGconn`. Every call blocks, and belongs on the thread of the connection.
@safe
struct Link: ~Copyable {
  /// What has come of the connection so far. Used on the connection's thread only.
  private final class Course {
    /// What the server said beside its answers.
    var notices: [Notice] = []
    /// Whether a statement changed the protocol to one that is not spoken here.
    var isDerailed = false
    /// Whether the server has said that the session is of no more use, or not the one that is meant.
    var isOutworn = false
  }

  private var pointer: OpaquePointer?
  private let course = Course()

  /// Connects. libpq bounds the wait for each host by `connect_timeout`, but not name resolution.
  init(options: [ConnectionOption]) throws(PostgresError) {
    let pointer = unsafe CStringList.with(options.map(\.keyword), options.map(\.value)) {
      unsafe PQconnectdbParams($0, $1, 0)
    }
    guard let pointer = unsafe pointer else {
      throw PostgresError(.outOfResources, "no memory for a connection")
    }
    unsafe self.pointer = unsafe pointer
    guard unsafe PQstatus(pointer) == CONNECTION_OK else {
      // Hints come on lines of their own, behind a tab.
      let message = unsafe String(cString: PQerrorMessage(pointer)).trimmingNewlines
        .replacing("\n\t", with: " ")
      // libpq looks at most values only now. One that it calls invalid is a piece of the URL that it took
      // for something else.
      if let value = message.firstRange(of: "invalid "), !message.contains("FATAL") {
        let complaint = String(message[value.lowerBound...])
        throw PostgresError(.invalidSettings, ConnectionOptions.withoutQuotes(complaint))
      }
      var error = PostgresError(.connectFailed, message)
      error.sqlState = LoginRefusal.sqlState(
        of: message,
        needsPassword: unsafe PQconnectionNeedsPassword(pointer) == 1
      )
      throw error
    }
    unsafe PQsetNoticeReceiver(
      pointer,
      { argument, result in
        guard let argument = unsafe argument, let result = unsafe result else { return }
        let course = unsafe Unmanaged<Course>.fromOpaque(argument).takeUnretainedValue()
        func field(_ code: Character) -> String? {
          unsafe PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map {
            unsafe String(cString: $0)
          }
        }
        course.notices.append(
          Notice(
            severity: field("V") ?? field("S") ?? "",
            sqlState: field("C") ?? "",
            message: field("M") ?? ""
          )
        )
      },
      Unmanaged.passUnretained(course).toOpaque()
    )
  }

  deinit {
    unsafe PQfinish(pointer)
  }

  mutating func close() {
    unsafe PQfinish(pointer)
    unsafe pointer = nil
  }

  var isOpen: Bool { unsafe pointer != nil }
  var isGood: Bool { unsafe PQstatus(pointer) == CONNECTION_OK && !course.isDerailed }
  var isIdle: Bool { unsafe PQtransactionStatus(pointer) == PQTRANS_IDLE }
  var descriptor: Int32 { unsafe PQsocket(pointer) }
  var errorMessage: String { unsafe String(cString: PQerrorMessage(pointer)).trimmingNewlines }
  var serverProcess: Int32 { unsafe PQbackendPID(pointer) }
  var serverVersion: Int32 { unsafe PQserverVersion(pointer) }
  var usesTLS: Bool { unsafe PQsslInUse(pointer) == 1 }
  /// The server's address; empty for a Unix socket.
  var address: String { unsafe PQhostaddr(pointer).map { unsafe String(cString: $0) } ?? "" }

  func derail() { course.isDerailed = true }

  func noteOutworn() { course.isOutworn = true }

  /// Whether another session is better than this one: a write was refused because the session or the
  /// server takes none, or the server said that it stops, or that it tells so of itself. A setting that
  /// was changed back, or a failover behind the same address, helps only a new session.
  var isOutworn: Bool {
    course.isOutworn || reports("default_transaction_read_only") || reports("in_hot_standby")
  }

  /// Whether the server reports that this setting is on. It reports both of the above, at the start of a
  /// session and whenever they change (PostgreSQL manual, PQparameterStatus).
  private func reports(_ setting: String) -> Bool {
    unsafe PQparameterStatus(pointer, setting).map { unsafe String(cString: $0) } == "on"
  }

  func makeCancelTicket() -> CancelTicket? {
    guard let cancel = unsafe PQgetCancel(pointer) else { return nil }
    return unsafe CancelTicket(owning: cancel)
  }

  /// The notices since the last call.
  func takeNotices() -> [Notice] {
    defer { course.notices = [] }
    return course.notices
  }

  // MARK: Sending. False means that nothing more can be done with the connection.

  func sendScript(_ sql: String) -> Bool {
    unsafe sql.withCString { unsafe PQsendQuery(pointer, $0) } == 1
  }

  func sendPrepare(_ name: String, _ sql: String, types: [UInt32]) -> Bool {
    unsafe types.withUnsafeBufferPointer { types in
      unsafe PQsendPrepare(pointer, name, sql, Int32(types.count), types.baseAddress)
    } == 1
  }

  func sendPrepared(_ name: String, _ parameters: [Parameter]) -> Bool {
    ParameterList.with(parameters) { list in
      unsafe PQsendQueryPrepared(
        pointer,
        name,
        list.count,
        list.values,
        list.lengths,
        list.formats,
        1
      )
    } == 1
  }

  func sendUnprepared(_ sql: String, _ parameters: [Parameter]) -> Bool {
    ParameterList.with(parameters) { list in
      unsafe PQsendQueryParams(
        pointer,
        sql,
        list.count,
        list.types,
        list.values,
        list.lengths,
        list.formats,
        1
      )
    } == 1
  }

  func enterPipeline() -> Bool { unsafe PQenterPipelineMode(pointer) == 1 }
  func exitPipeline() -> Bool { unsafe PQexitPipelineMode(pointer) == 1 }
  func sendSync() -> Bool { unsafe PQpipelineSync(pointer) == 1 }

  /// Sends bytes of a COPY as one message.
  func put(_ bytes: [UInt8]) -> Bool {
    unsafe bytes.withUnsafeBytes { buffer in
      unsafe PQputCopyData(
        pointer,
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self),
        Int32(buffer.count)
      )
    } == 1
  }

  /// Ends a COPY.
  func putEnd() -> Bool { unsafe PQputCopyEnd(pointer, nil) == 1 }

  /// The next result, or nil at the end of a statement's results.
  func nextResult() -> ResultStorage? {
    unsafe PQgetResult(pointer).map { unsafe ResultStorage(ResultHandle(owning: $0)) }
  }

  // MARK: Notifications

  /// Reads what has arrived, without waiting. False means that the connection is lost.
  func consumeInput() -> Bool { unsafe PQconsumeInput(pointer) == 1 }

  func nextNotification() -> Notification? {
    guard let notify = unsafe PQnotifies(pointer) else { return nil }
    defer { unsafe PQfreemem(notify) }
    return unsafe Notification(
      channel: String(cString: notify.pointee.relname),
      payload: String(cString: notify.pointee.extra)
    )
  }
}
