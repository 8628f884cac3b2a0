import Provisioning

extension IssuedCode {
  /// The same code as a later listing shows it.
  func shown(
    _ sync: SyncStatus,
    status: String? = nil,
    updatedAt: Int64? = nil,
    expiresAt: Int64? = nil,
    externalIDs: String? = nil
  ) -> IssuedCode {
    IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: status ?? self.status,
      createdAt: createdAt,
      expiresAt: expiresAt.map(Timestamp.init(microseconds:)) ?? self.expiresAt,
      updatedAt: updatedAt.map(Timestamp.init(microseconds:)) ?? self.updatedAt,
      externalIDs: externalIDs.map { Array($0.utf8) } ?? self.externalIDs,
      syncStatus: sync
    )
  }

  /// The same code, refused by these systems. The object is written as the database writes it.
  func inError(_ systems: [SyncSystem]) -> IssuedCode {
    let entries = systems.sorted { $0.rawValue.count < $1.rawValue.count }.map {
      #""\#($0.rawValue)": {"error": "no such discount", "syncStatus": "error"}"#
    }
    return shown(.error, externalIDs: "{\(entries.joined(separator: ", "))}")
  }

  /// The same code, made at another time.
  func made(at microseconds: Int64) -> IssuedCode {
    IssuedCode(
      id: id,
      reward: reward,
      code: code,
      status: status,
      createdAt: Timestamp(microseconds: microseconds),
      expiresAt: expiresAt,
      updatedAt: updatedAt,
      externalIDs: externalIDs,
      syncStatus: syncStatus
    )
  }
}
