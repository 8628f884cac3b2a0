import Testing

/// `docs/protocol.md` numbers the rules; tests name those that they show.
@Suite("The rules of the protocol")
struct RuleTests {
  /// The numbers of the rules, as the document lists them.
  private static func rules() throws -> [Int] {
    let document = try #require(
      SourceTree.files(below: ["docs"], endings: ["md"]).first { $0.path == "docs/protocol.md" }
    )
    return document.lines.compactMap { line in
      guard let dot = line.firstIndex(of: "."), line[dot...].hasPrefix(". *") else { return nil }
      return Int(line[..<dot])
    }
  }

  /// The rules that the name of a test or of a suite has in it: "rule 4", "rules 7 and 8".
  private static func named(in line: String) -> Set<Int> {
    guard line.contains("\"") else { return [] }
    let words = line.split { !$0.isLetter && !$0.isNumber }
    var named: Set<Int> = []
    for (place, word) in words.enumerated() where ["rule", "rules"].contains(word.lowercased()) {
      for next in words[(place + 1)...] {
        if let number = Int(next) { named.insert(number) } else if next != "and" { break }
      }
    }
    return named
  }

  @Test("the document has its twenty-two rules, in order")
  func numbered() throws {
    #expect(try Self.rules() == Array(1...22))
  }

  @Test("every rule has a test that names it")
  func shown() throws {
    var named: Set<Int> = []
    for file in try SourceTree.files(below: ["Tests"], endings: ["swift"])
    where !file.path.hasSuffix("RuleTests.swift") {
      for line in file.lines where !line.contains("//") { named.formUnion(Self.named(in: line)) }
    }
    for rule in try Self.rules() where !named.contains(rule) {
      Issue.record("no test names rule \(rule)")
    }
  }

  @Test("the document names no file that is not there")
  func namesWhatIs() throws {
    let document = try #require(
      SourceTree.files(below: ["docs"], endings: ["md"]).first { $0.path == "docs/protocol.md" }
    )
    let files = try SourceTree.files(
      below: ["Sources", "Tests", "systemd"],
      endings: [
        "swift", "sql", "service",
      ]
    )
    for line in document.lines {
      for word in line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
      where word.offset % 2 == 1 {
        let text = String(word.element)
        guard text.contains("/"), !text.contains(" "), !text.hasPrefix("/") else { continue }
        #expect(files.contains { $0.path.contains(text) }, "`\(text)` is nowhere")
      }
    }
  }
}
