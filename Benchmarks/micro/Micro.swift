// micro: the parts of codemint through which every code goes, one at a time, to be counted in
// instructions and allocations by valgrind (scripts/bench-micro), not in time.
//
//   micro NAME TURNS    runs one of them so often; without arguments it names them

import Glibc
import Ledger
import OneOfNone
import Postgres
import Provisioning

/// Reads the command line and runs a part.
@main
struct Micro {
  static func main() {
    let arguments = CommandLine.arguments
    guard arguments.count == 3, let part = Part(rawValue: arguments[1]),
      let turns = Int(arguments[2]), turns >= 0
    else {
      for part in Part.allCases { print(part.rawValue) }
      exit(arguments.count == 1 ? 0 : 64)
    }
    let material = Material()
    var work = 0
    for _ in 0..<turns { work &+= part.run(material) }
    // So that nothing is left out for nobody asking.
    print(work)
  }
}

/// What can be counted.
enum Part: String, CaseIterable {
  /// The body of a 201 with 500 codes, from its bytes to `IssuedCode`s.
  case decode
  /// What follows from an answer of 500 codes.
  case judge
  /// A settlement of 500 codes as rows of a COPY and the parameters of its statement.
  case encode
  /// The size and the slot of one call.
  case plan

  func run(_ material: Material) -> Int {
    switch self {
    case .decode:
      return (try? AnswerDecoder.decode(material.body).codes.count) ?? -1
    case .judge:
      return material.settle().codes.count
    case .encode:
      let settlement = material.settlement
      _ = settlement.codes.rows(of: settlement.call, now: 0)
      return settlement.parameters(isCopied: true, waits: false).count
    case .plan:
      return material.plan()
    }
  }
}
