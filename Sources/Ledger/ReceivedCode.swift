package import Postgres
package import Provisioning

// A code on its way into the database, by COPY or as a `codemint.received_code`. A new column of a
// code is one line in each of the three lists here.

extension [IssuedCode] {
  /// The columns that the COPY fills, in the order of the values in `rows`.
  private static let columns = [
    "id", "job_id", "call_id", "reward_id", "code", "status", "sync_status", "external_ids",
    "created_at", "expires_at", "updated_at", "synced_at",
  ]

  /// What a settlement may find in the table already.
  private static let copy = Statement(
    "COPY codemint.codes (\(columns.joined(separator: ", "))) FROM STDIN (FORMAT binary)"
  )

  /// A COPY of these codes into their table, as those of this call.
  func copy(of call: Call, patience: Duration) -> CopyIn {
    CopyIn(Self.copy, patience: patience) { now in rows(of: call, now: now) }
  }

  /// The rows of that COPY. `now` is the server's clock, in microseconds since 1970.
  package func rows(of call: Call, now: Int64) -> CopyRows {
    var rows = CopyRows(columns: Int16(Self.columns.count), capacity: count * 384)
    for code in self {
      rows.beginRow()
      rows.append(uuid: code.id.id.bits)
      rows.append(int8: call.job.number)
      rows.append(uuid: call.id.id.bits)
      rows.append(uuid: code.reward.id.bits)
      rows.append(text: code.code)
      rows.append(text: code.status)
      rows.append(text: code.syncStatus.rawValue)
      rows.append(jsonb: code.externalIDs)
      rows.append(microsecondsSinceUnixEpoch: code.createdAt?.microseconds)
      rows.append(microsecondsSinceUnixEpoch: code.expiresAt?.microseconds)
      rows.append(microsecondsSinceUnixEpoch: code.updatedAt?.microseconds)
      rows.append(microsecondsSinceUnixEpoch: code.syncStatus == .synced ? now : nil)
    }
    return rows
  }
}

extension Parameter {
  /// A `codemint.received_code[]`.
  /// - Parameter showsValues: Whether the values of the codes travel; where they are known already,
  ///   they stay out of the statement.
  static func received(_ codes: [IssuedCode], showsValues: Bool = true) -> Parameter {
    .composites(
      codes.map { code in
        [
          .uuid(code.id), .uuid(code.reward), .text(showsValues ? code.code : nil),
          .text(code.status), .text(code.syncStatus.rawValue), .jsonb(code.externalIDs),
          .timestamptz(code.createdAt), .timestamptz(code.expiresAt), .timestamptz(code.updatedAt),
        ]
      }
    )
  }

  /// A `codemint.raw_code[]`: codes that no text or jsonb column can hold, each with the call that it
  /// was found for, if that is known.
  static func raw(_ codes: [(code: IssuedCode, call: CallID?)]) -> Parameter {
    .composites(
      codes.map { code, call in
        [
          .uuid(code.id), .uuid(call), .bytea(Array(code.code.utf8)),
          .bytea(Array(code.status.utf8)), .bytea(code.externalIDs),
        ]
      }
    )
  }
}
