/// What can be wrong with one code as it is written.
struct Blemish: OptionSet, Sendable {
  let rawValue: UInt8

  /// Values of `status` and `syncStatus` that the contract does not list.
  static let values = Blemish(rawValue: 1)
  /// Fields and a system that the contract does not list.
  static let fields = Blemish(rawValue: 2)
  /// `\u0000` at the end of the code.
  static let nulInCode = Blemish(rawValue: 4)
  /// `\u0000` at the end of `reservedFor`.
  static let nulInReservedFor = Blemish(rawValue: 8)
  /// `\u0000` at the end of the error of a system.
  static let nulInError = Blemish(rawValue: 16)

  init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  init(nulIn field: TextField) {
    self =
      switch field {
      case .code: .nulInCode
      case .reservedFor: .nulInReservedFor
      case .error: .nulInError
      }
  }
}
