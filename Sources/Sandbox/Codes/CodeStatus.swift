/// What a customer has done with a code.
enum CodeStatus: String, Sendable, CaseIterable {
  case available, reserved, redeemed, expired, revoked
}
