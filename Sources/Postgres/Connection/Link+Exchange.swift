internal import CLibPQ

extension Link {
  typealias Reply = Result<Rows, PostgresError>

  /// Runs SQL text of any number of statements; the rows are the last statement's.
  func run(script sql: String) -> Reply {
    guard sendScript(sql) else { return .failure(sendError()) }
    return collect()
  }

  /// Runs one statement without parameters and without preparing it.
  func run(_ sql: String) -> Reply {
    guard sendUnprepared(sql, []) else { return .failure(sendError()) }
    return collect()
  }

  /// Reads a statement's results until the server is ready for the next one.
  ///
  /// To the very end: a statement that is its own transaction commits after its rows were sent, and
  /// what the commit has to say, an error or a warning, comes last.
  func collect() -> Reply {
    var last: ResultStorage?
    var failure: PostgresError?
    while let result = nextResult() {
      switch judge(result) {
      case .rows: last = result
      case .failed(let error): failure = failure ?? error
      case .sync: break
      case .hopeless(let error): return .failure(error)
      }
    }
    return conclude(last, failure)
  }

  /// What belongs to one synchronization point of a pipeline.
  struct Segment {
    /// Whether its first statement was prepared, if it had to be.
    var isPrepared = false
    /// The answer of each of its statements, or why there is none for all of them.
    var replies: Result<[Rows], PostgresError>

    /// The answer of its last statement.
    var reply: Reply { replies.flatMap { $0.last.map { .success($0) } ?? .failure(.noAnswer) } }
  }

  /// Reads what belongs to one synchronization point of a pipeline.
  func collectSegment(withPrepare: Bool) -> Segment {
    var isPrepared = false
    var awaitsPrepare = withPrepare
    var results: [ResultStorage] = []
    var failure: PostgresError?
    var nothings = 0
    // One nothing ends each statement's results. A second one in a row: no more will come.
    while nothings < 2 {
      guard let result = nextResult() else {
        nothings += 1
        continue
      }
      nothings = 0
      switch judge(result) {
      case .rows where awaitsPrepare:
        isPrepared = true
      case .rows: results.append(result)
      case .failed(let error): failure = failure ?? error
      case .sync:
        let notices = takeNotices()
        if let failure { return Segment(isPrepared: isPrepared, replies: .failure(failure)) }
        guard isGood else { return Segment(isPrepared: isPrepared, replies: .failure(lostError())) }
        let rows = results.map { Rows($0, notices: notices) }
        return Segment(isPrepared: isPrepared, replies: .success(rows))
      case .hopeless(let error):
        return Segment(isPrepared: isPrepared, replies: .failure(error))
      }
      awaitsPrepare = false
    }
    // Without the synchronization point even an answer is no proof: the commit came after it.
    return Segment(isPrepared: isPrepared, replies: .failure(failure ?? lostError()))
  }

  enum Judgement {
    case rows
    case failed(PostgresError)
    case sync
    case hopeless(PostgresError)
  }

  /// What one result means.
  func judge(_ result: ResultStorage) -> Judgement {
    switch result.handle.status {
    case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY:
      return .rows
    case PGRES_PIPELINE_SYNC:
      return .sync
    case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
      derail()
      return .hopeless(
        PostgresError(.unsupported, "COPY cannot be run here", isOutcomeUnknown: true)
      )
    case PGRES_PIPELINE_ABORTED:
      return .failed(
        PostgresError(.server, "an earlier message of the same statement was refused")
      )
    default:
      let error = PostgresError(result.handle)
      if error.tellsToReconnect { noteOutworn() }
      guard isGood, error.code != .connectionLost else {
        derail()
        return .failed(lostError(error))
      }
      return .failed(error)
    }
  }

  private func conclude(_ last: ResultStorage?, _ failure: PostgresError?) -> Reply {
    let notices = takeNotices()
    if let failure { return .failure(failure) }
    guard isGood, let last else { return .failure(lostError()) }
    return .success(Rows(last, notices: notices))
  }

  /// What to say when the server's last words, if any, were `error` and the connection is gone.
  func lostError(_ error: PostgresError? = nil) -> PostgresError {
    var lost = error ?? PostgresError(.connectionLost, errorMessage)
    lost.code = .connectionLost
    lost.isOutcomeUnknown = true
    return lost
  }

  /// Why nothing could be sent. As long as the connection is good nothing has been: libpq refused
  /// the call for its arguments.
  func sendError() -> PostgresError {
    isGood ? PostgresError(.unsupported, errorMessage) : lostError()
  }
}

extension PostgresError {
  /// Whether another session may be at another server, or have other settings: a write was refused, or
  /// the server stops, starts or has crashed (57P01 to 57P03). A pooler passes these on and keeps its
  /// own connection to the client. Or rows are kept out (class 27), perhaps by a plan: what a session has
  /// planned under a rule DO INSTEAD NOTHING does nothing for as long as the session lives, because
  /// the server does not know that the plan depends on the rule's table.
  fileprivate var tellsToReconnect: Bool {
    guard let sqlState else { return false }
    return ["25006", "57P01", "57P02", "57P03"].contains(sqlState) || sqlState.hasPrefix("27")
  }

  /// An answer that should have come with the others and did not.
  static var noAnswer: PostgresError {
    PostgresError(.connectionLost, "the server did not answer a statement", isOutcomeUnknown: true)
  }
}
