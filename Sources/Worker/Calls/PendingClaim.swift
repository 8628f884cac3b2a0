import Provisioning

/// A claim that was asked for and perhaps not answered.
///
/// Until it is answered it must be asked again with the same call, never dropped: the database may
/// have committed it. The lease counts from the first time of asking (protocol, rule 3).
struct PendingClaim: Sendable {
  let request: ClaimRequest
  let askedAt: Instant

  /// When the lease runs out, should the claim succeed.
  var leaseEnd: Instant { askedAt + request.lease }
}
