// Attack: what the tests have in common that attack a part of codemint with mutated inputs.
//
// `Attack` tries inputs and reports findings. `Mutator` makes them, from a corpus of good inputs and a
// dictionary of words that a reader treats specially. A seed decides every input, so a finding can be tried
// again. `scripts/attack` tries many; a run of all tests tries a few of each.

import Foundation
import Glibc

/// One attack: a name, the inputs that it begins from, and what may not happen.
package struct Attack {
  /// An input that made something happen that may not happen.
  package struct Finding: CustomStringConvertible, Sendable {
    package let attack: String
    package let input: Int
    package let bytes: [UInt8]
    package let what: String

    package var description: String {
      let shown = bytes.prefix(400).map { byte in
        (0x20..<0x7F).contains(byte) ? String(UnicodeScalar(byte)) : "\\x" + String(byte, radix: 16)
      }.joined()
      return "\(attack), input \(input) of seed \(Attack.seed): \(what): \(shown)"
    }
  }

  private let name: String
  private let corpus: [[UInt8]]
  private let dictionary: [[UInt8]]

  package init(_ name: String, corpus: [[UInt8]], dictionary: [String]) {
    self.name = name
    self.corpus = corpus
    self.dictionary = dictionary.map { Array($0.utf8) }
  }

  package init(_ name: String, corpus: [String], dictionary: [String]) {
    self.init(name, corpus: corpus.map { Array($0.utf8) }, dictionary: dictionary)
  }

  /// How many inputs each attack tries: `CODEMINT_ATTACKS`.
  package static let inputs = environment("CODEMINT_ATTACKS") ?? 300
  /// What decides them: `CODEMINT_ATTACK_SEED`.
  package static let seed = UInt64(environment("CODEMINT_ATTACK_SEED") ?? 1)

  private static func environment(_ name: String) -> Int? {
    ProcessInfo.processInfo.environment[name].flatMap { Int($0) }
  }

  /// Tries inputs, prints how many, and returns what was found.
  ///
  /// - Parameters:
  ///   - share: Which part of the inputs is tried, for an attack whose inputs take long.
  ///   - body: Tries one input, and says what happened that may not happen; nil if nothing did.
  package func run(
    share: Double = 1,
    _ body: ([UInt8]) async throws -> String?
  ) async rethrows -> [Finding] {
    var findings: [Finding] = []
    let number = max(1, Int(Double(Self.inputs) * share))
    for input in 0..<number {
      // Each input has a seed of its own, so that one can be tried without those before it.
      var mutator = Mutator(seed: Self.seed &* 1_000_003 &+ UInt64(input))
      let bytes = mutator.mutated(from: corpus, dictionary)
      if let what = try await body(bytes) {
        findings.append(Finding(attack: name, input: input, bytes: bytes, what: what))
      }
    }
    tell(number, findings)
    return findings
  }

  /// Tries inputs that are made for the attack instead of mutated, several at a time.
  ///
  /// - Parameters:
  ///   - making: Makes one input.
  ///   - body: Tries several, and says for each by its number what happened that may not happen.
  package func run(
    batches size: Int,
    making: (inout Mutator) -> String,
    trying body: ([String]) async throws -> [Int: String]
  ) async rethrows -> [Finding] {
    var findings: [Finding] = []
    for start in stride(from: 0, to: Self.inputs, by: size) {
      let inputs = (start..<min(start + size, Self.inputs)).map { input in
        var mutator = Mutator(seed: Self.seed &* 1_000_003 &+ UInt64(input))
        return making(&mutator)
      }
      for (place, what) in try await body(inputs).sorted(by: { $0.key < $1.key }) {
        findings.append(
          Finding(attack: name, input: start + place, bytes: Array(inputs[place].utf8), what: what)
        )
      }
    }
    tell(Self.inputs, findings)
    return findings
  }

  private func tell(_ number: Int, _ findings: [Finding]) {
    print("attack: \(name): \(number) inputs of seed \(Self.seed), \(findings.count) findings")
  }

  /// The processor's time that this thread takes for some work, in seconds.
  package static func seconds<Result>(_ work: () throws -> Result) rethrows -> (Result, Double) {
    func now() -> Double {
      var time = timespec()
      clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
      return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
    let start = now()
    let result = try work()
    return (result, now() - start)
  }
}
