import Provisioning

/// What a Postgres database refuses for its content: U+0000 in a text, `\u0000` in a JSON string.
enum ContentRule {
  static func check(_ settlement: Settlement) throws(StoreError) {
    let texts = [settlement.call.prefix, settlement.errorCode, settlement.errorMessage]
    if texts.contains(where: { $0?.utf8.contains(0) ?? false }) { throw refusal }
    let all = settlement.codes + settlement.unattributed
    if all.contains(where: refuses) { throw refusal }
  }

  /// The states of codes, without their values.
  static func check(_ codes: [IssuedCode]) throws(StoreError) {
    if codes.contains(where: refusesState) { throw refusal }
  }

  /// Whether a code can be stored only as bytes.
  static func refuses(_ code: IssuedCode) -> Bool {
    code.code.utf8.contains(0) || refusesState(code)
  }

  private static func refusesState(_ code: IssuedCode) -> Bool {
    code.status.utf8.contains(0) || escapesNull(code.externalIDs)
  }

  private static let refusal = StoreError(.contentRefused, "a value has the wrong form")

  /// Whether a JSON text has the escape `\u0000`; `\\u0000` is a backslash and five characters.
  private static func escapesNull(_ json: [UInt8]) -> Bool {
    var rest = json[...]
    while let backslash = rest.firstIndex(of: UInt8(ascii: "\\")) {
      let after = rest[(backslash + 1)...]
      if after.starts(with: Array("u0000".utf8)) { return true }
      rest = after.dropFirst()
    }
    return false
  }
}
