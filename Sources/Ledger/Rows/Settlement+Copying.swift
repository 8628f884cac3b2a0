package import Postgres
package import Provisioning

extension Settlement {
  /// The codes as rows for the table itself, if that is all that there is to store and nothing of it
  /// has to be compared first with what is known: an answer as it should be.
  func copy(patience: Duration) -> CopyIn? {
    guard result == .issued, reward == .proven, strays.isEmpty, rawAnswer == nil,
      !codes.isEmpty, codes.count <= call.size
    else { return nil }
    return CopyIn(StoreStatements.copy, patience: patience) { [call, codes] now in
      codes.rows(of: call, now: now)
    }
  }
}

extension [IssuedCode] {
  /// The rows of `StoreStatements.copy`. `now` is the server's clock, in microseconds since 1970.
  package func rows(of call: Call, now: Int64) -> CopyRows {
    var rows = CopyRows(columns: 12, capacity: count * 384)
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
