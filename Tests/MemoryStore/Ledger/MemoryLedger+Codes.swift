import Provisioning

extension MemoryLedger {
  /// What became of the codes of one answer.
  struct Stored {
    var issued = 0
    var surplus = 0
    var returned = 0
  }

  /// Takes in the codes of one answer: `codemint.store_codes`. New ones count for the job up to
  /// `room`, the rest is surplus; known ones stay where they are, except that an answer takes its
  /// own codes back from surplus.
  mutating func store(
    _ shown: [IssuedCode],
    of call: Call,
    room: Int,
    job: inout JobRow,
    now: Int64
  ) -> Stored {
    defer { follow(shown, of: call.reward, now: now) }
    var stored = Stored()
    for code in shown where codes[code.id] == nil {
      let counts = stored.issued < room
      var row = CodeRow(code: code, job: call.job, call: call.id, isSurplus: !counts)
      row.storedAt = now
      row.syncedAt = code.syncStatus == .synced ? now : nil
      codes[code.id] = row
      if counts { stored.issued += 1 } else { stored.surplus += 1 }
    }
    let free = room - stored.issued
    guard stored.issued + stored.surplus < shown.count, free > 0 else { return stored }
    let own = shown.map(\.id).sorted().filter { id in
      guard let row = codes[id], row.isSurplus, row.code.reward == call.reward else { return false }
      return row.call == nil || row.call == call.id
    }
    for id in own.prefix(free) {
      guard var row = codes[id] else { continue }
      if row.job == job.id {
        job.surplus -= 1
      } else if let other = row.job {
        jobs[other]?.surplus -= 1
      }
      row.job = call.job
      row.call = call.id
      row.isSurplus = false
      codes[id] = row
      stored.returned += 1
    }
    return stored
  }

  /// Keeps codes whose owner is not proven: `codemint.store_strays`.
  mutating func keep(_ shown: [IssuedCode], of call: Call) {
    for code in shown where codes[code.id] == nil && strays[code.id] == nil {
      strays[code.id] = CodeRow(code: code, job: nil, call: call.id, isSurplus: true)
    }
  }
}
