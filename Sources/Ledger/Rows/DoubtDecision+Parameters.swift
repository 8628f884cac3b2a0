import Postgres
import Provisioning

extension DoubtDecision {
  /// The parameters of `ReconcilingStatements.decide`, in its order. The codes of all adopted calls
  /// travel together, each with the place of its call among them.
  func parameters(worker: WorkerID) -> [Parameter] {
    let places = adopted.enumerated().flatMap { place, adoption in
      adoption.codes.map { _ in Int32(place + 1) }
    }
    return [
      .uuid(reward.id.bits), .uuid(worker.id.bits), .uuids(judged.sorted().map(\.id.bits)),
      .uuids(adopted.map(\.call.id.id.bits)), .uuids(absent.map(\.id.bits)),
      .uuids(held.map(\.id.bits)), .text(holdReason?.rawValue), .int4s(places),
    ] + Parameter.columns(of: adopted.flatMap(\.codes)) + Parameter.columns(of: strays)
  }
}
