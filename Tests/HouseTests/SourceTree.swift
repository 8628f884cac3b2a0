import Foundation
import Testing

/// The repository's files, as the house's laws look at them.
struct SourceTree {
  /// One file.
  struct File: Sendable, CustomTestStringConvertible {
    /// From the repository's root.
    let path: String
    let lines: [String]

    var testDescription: String { path }

    /// The folder below `Sources`, which is the module's name.
    var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// The functions of a file of SQL, with the lines of their bodies.
    var functions: [(name: String, lines: Int)] {
      var functions: [(name: String, lines: Int)] = []
      var (name, begin) = ("", 0)
      for (number, line) in lines.enumerated() {
        if line.hasPrefix("CREATE FUNCTION ") {
          name = String(line.dropFirst(16).prefix { $0 != "(" })
        } else if line == "AS $$" {
          begin = number
        } else if line == "$$;", !name.isEmpty {
          functions.append((name, number - begin - 1))
          name = ""
        }
      }
      return functions
    }

    /// The modules that it imports.
    var imports: [String] {
      lines.compactMap { line in
        let words = line.split(separator: " ")
        guard let place = words.firstIndex(of: "import"), place <= 2, !line.hasPrefix("//") else {
          return nil
        }
        return words.last.map(String.init)
      }
    }
  }

  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// All files below a folder with one of these endings.
  static func files(below folders: [String], endings: [String]) throws -> [File] {
    try folders.flatMap { folder in
      let names = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
      return try (names?.compactMap { $0 as? String } ?? []).sorted()
        .filter { name in endings.contains { name.hasSuffix(".\($0)") } }
        .map { name in
          let text = try String(
            contentsOf: root.appending(path: folder).appending(path: name),
            encoding: .utf8
          )
          return File(
            path: "\(folder)/\(name)",
            lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
          )
        }
    }
  }

  static let sources: [File] = (try? files(below: ["Sources"], endings: ["swift"])) ?? []
}
