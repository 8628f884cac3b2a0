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

  @Test("the laws read real files")
  func seesSources() {
    let modules = Set(SourceTree.sources.map(\.module))
    #expect(modules.union(Self.foreign) == Set(Self.arrows.keys))
    #expect(SourceTree.sources.contains { $0.imports.contains("Provisioning") })
  }

  @Test("a module imports only what its arrows allow", arguments: SourceTree.sources)
  func arrows(file: SourceTree.File) throws {
    let allowed = try #require(Self.arrows[file.module], "no such module in the house")
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

  @Test("a function of SQL has at most 75 lines and 12 parameters, and is defined once")
  func smallFunctions() throws {
    let files = try SourceTree.files(below: ["Sources"], endings: ["sql"])
    var homes: [String: String] = [:]
    for file in files {
      for function in file.functions {
        let name = "\(file.path): \(function.name)"
        #expect((1...75).contains(function.lines), "\(name)")
        #expect(function.parameters <= 12, "\(name)")
        if let home = homes.updateValue(file.path, forKey: function.name) {
          Issue.record("\(name) is also in \(home)")
        }
      }
    }
    #expect(!homes.isEmpty)
  }

  @Test("functions of SQL are seen with what they take and how long they are")
  func seesFunctions() {
    let text = """
      CREATE FUNCTION codemint.first() RETURNS trigger LANGUAGE plpgsql
      AS $$
      BEGIN
        RETURN NULL;
      END
      $$;
      -- CREATE FUNCTION codemint.none() RETURNS void
      CREATE OR REPLACE FUNCTION codemint.second(
        p_call uuid, p_limit numeric(10, 2) DEFAULT 1,  -- not two, but one
        INOUT p_state text, OUT issued integer, p_word text DEFAULT 'a, (b'
      )
      LANGUAGE sql STABLE
      AS $$
      SELECT 1
      $$;
      """
    let file = SourceTree.File(path: "", lines: text.split(separator: "\n").map(String.init))
    #expect(file.functions.map(\.name) == ["codemint.first", "codemint.second"])
    #expect(file.functions.map(\.parameters) == [0, 4])
    #expect(file.functions.map(\.lines) == [3, 1])
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
