import Testing

@Suite("The laws of the house")
struct HouseTests {
  /// Which of our modules a module may import; what is not here has no place in `Sources`.
  private static let arrows: [String: Set<String>] = [
    "CLibPQ": [],
    "CMalloc": [],
    "Postgres": ["CLibPQ"],
    "Provisioning": [],
    "OneOfNone": ["Provisioning"],
    "Ledger": ["Provisioning", "Postgres"],
    "Worker": ["Provisioning"],
    "Sandbox": [],
    "LocalPostgres": [],
    "codemint": [
      "CMalloc", "Postgres", "Provisioning", "OneOfNone", "Ledger", "Worker", "Sandbox",
      "LocalPostgres",
    ],
  ]
  /// Modules of C, whose headers are not Swift.
  private static let foreign: Set<String> = ["CLibPQ", "CMalloc"]

  @Test("the laws look at real files")
  func seesSources() {
    let modules = Set(SourceTree.sources.map(\.module))
    #expect(modules.union(Self.foreign) == Set(Self.arrows.keys))
    #expect(SourceTree.sources.contains { $0.imports.contains("Provisioning") })
  }

  @Test("a module imports only what its arrows allow", arguments: SourceTree.sources)
  func arrows(file: SourceTree.File) throws {
    let allowed = try #require(Self.arrows[file.module], "no such room in the house")
    let imported = Set(file.imports).intersection(Self.arrows.keys)
    #expect(imported.isSubset(of: allowed))
  }

  @Test("rules have no I/O", arguments: SourceTree.sources.filter { $0.module == "Provisioning" })
  func pureRules(file: SourceTree.File) {
    #expect(file.imports.isEmpty)
  }

  @Test("no file holds two things: at most 400 lines", arguments: SourceTree.sources)
  func smallFiles(file: SourceTree.File) {
    #expect(file.lines.count <= 400)
  }

  @Test("no file of SQL holds two things, and no function in it: at most 400 and 75 lines")
  func smallFunctions() throws {
    let files = try SourceTree.files(below: ["Sources"], endings: ["sql"])
    #expect(files.contains { !$0.functions.isEmpty })
    for file in files {
      #expect(file.lines.count <= 400, "\(file.path)")
      for function in file.functions {
        #expect(function.lines <= 75, "\(file.path): \(function.name)")
      }
    }
  }

  @Test("nothing is left unfinished, and nothing is forced", arguments: SourceTree.sources)
  func finished(file: SourceTree.File) {
    let forbidden = ["TO" + "DO", "FIX" + "ME", "try" + "!", "as" + "!", "fatalError" + "("]
    for (number, line) in file.lines.enumerated() {
      for mark in forbidden where line.contains(mark) {
        Issue.record("\(file.path):\(number + 1) has \(mark)")
      }
    }
  }

  @Test("the first file of a module orients a stranger")
  func orientation() {
    for module in Self.arrows.keys where !Self.foreign.contains(module) {
      let files = SourceTree.sources.filter { $0.module == module }
      #expect(
        files.contains { file in file.lines.prefix(8).allSatisfy { $0.hasPrefix("//") } },
        "\(module) has no file that opens with what is where"
      )
    }
  }

  @Test("tests wait for signals, they do not sleep")
  func noSleeping() throws {
    let marks = ["Task." + "sleep", "Thread." + "sleep", "usleep" + "("]
    for file in try SourceTree.files(below: ["Tests"], endings: ["swift"]) {
      for (number, line) in file.lines.enumerated() where marks.contains(where: line.contains) {
        Issue.record("\(file.path):\(number + 1) sleeps")
      }
    }
  }
}
