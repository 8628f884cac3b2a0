import Postgres
import Provisioning

/// A code that cannot be stored as a row, and the call that it was found for, if that is known.
struct OwnedCode: Sendable {
  let code: IssuedCode
  let call: CallID?

  init(_ code: IssuedCode, of call: CallID?) {
    self.code = code
    self.call = call
  }
}

extension DoubtDecision {
  /// Its codes with their calls; those set aside are kept with the first call that is held.
  var owned: [OwnedCode] {
    adopted.flatMap { adoption in adoption.codes.map { OwnedCode($0, of: adoption.call.id) } }
      + strays.map { OwnedCode($0, of: held.first) }
  }

  /// The same decision without some of its codes.
  func without(_ refused: Set<CodeID>) -> DoubtDecision {
    var decision = self
    decision.adopted = adopted.map { adoption in
      Adoption(call: adoption.call, codes: adoption.codes.filter { !refused.contains($0.id) })
    }
    decision.strays = strays.filter { !refused.contains($0.id) }
    return decision
  }
}

extension WatchFinding {
  /// The parameters of `ReconcilingStatements.concludeWatch`, in its order.
  func parameters(worker: WorkerID, codes: [IssuedCode]) -> [Parameter] {
    [
      .uuid(reward.id.bits), .uuid(worker.id.bits),
      .timestamptz(microsecondsSinceUnixEpoch: listedUntil.microseconds),
    ] + Parameter.columns(of: codes)
  }
}

extension Parameter {
  /// The last parameters of `decideBesideRaw` and `concludeBesideRaw`, in their order.
  static func rawColumns(of codes: [OwnedCode]) -> [Parameter] {
    [
      .uuids(codes.map { $0.call?.id.bits }), .uuids(codes.map(\.code.id.id.bits)),
      .byteas(codes.map { Array($0.code.code.utf8) }),
      .byteas(codes.map { Array($0.code.status.utf8) }), .byteas(codes.map(\.code.externalIDs)),
      .int4(Int32(Bounds.answersWithoutProgress)),
    ]
  }
}
