// micro: runs the parts of codemint that handle every code, one at a time. scripts/bench-micro counts
// their instructions and allocations with valgrind.
//
//   micro NAME TURNS    runs a part so many times; without arguments it prints the names

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
    // The result is used, so the optimiser cannot remove the work.
    print(work)
  }
}

/// The parts that can be counted.
enum Part: String, CaseIterable {
  /// The body of a 201 with 500 codes, from its bytes to `IssuedCode`s.
  case decode
  /// From an answer of 500 codes to its settlement.
  case judge
  /// From a settlement of 500 codes to the rows of its COPY and the parameters of its statement.
  case encode
  /// The known words of messages of the API, 10,000 characters in all: punctuation alone, names with as many parts
  /// as a name may have, numbers, and words that are known and unknown.
  case words

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
    case .words:
      return material.messages.reduce(0) { $0 + KnownWords.keep($1).utf8.count }
    }
  }
}
