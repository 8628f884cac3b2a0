import Foundation
import Testing

/// The repository's files, as the house's laws read them.
struct SourceTree {
  /// One file.
  struct File: Sendable, CustomTestStringConvertible {
    /// From the repository's root.
    let path: String
    let lines: [String]

    var testDescription: String { path }

    /// The folder below `Sources`, which is the module's name.
    var module: String { path.split(separator: "/").dropFirst().first.map(String.init) ?? "" }

    /// A function that a file of SQL defines.
    struct Function {
      let name: String
      /// How many parameters its callers give; a composite is one.
      let parameters: Int
      /// The lines between `AS $$` and `$$;`, 0 if there are no such lines.
      let lines: Int
    }

    /// The functions that a file of SQL defines.
    var functions: [Function] {
      var functions: [Function] = []
      for (number, line) in lines.enumerated() {
        let heads = ["CREATE FUNCTION ", "CREATE OR REPLACE FUNCTION "]
        guard let head = heads.first(where: line.hasPrefix) else { continue }
        let rest = lines[number...]
        let begin = rest.firstIndex(of: "AS $$") ?? number
        let end = rest.firstIndex(of: "$$;") ?? number
        functions.append(
          Function(
            name: String(line.dropFirst(head.count).prefix { $0 != "(" }),
            parameters: Self.parameters(rest),
            lines: max(0, end - begin - 1)
          )
        )
      }
      return functions
    }

    /// How many parameters the first parentheses hold, without those that only return something.
    private static func parameters(_ lines: ArraySlice<String>) -> Int {
      var parameters = [""]
      var depth = 0
      var isQuoted = false
      for line in lines {
        for (character, next) in zip(line, line.dropFirst() + " ") {
          if character == "'" { isQuoted.toggle() }
          if isQuoted { continue }
          if character == "-", next == "-" { break }
          if character == ")" { depth -= 1 }
          if character == ")", depth == 0 {
            return parameters.count { parameter in
              let words = parameter.split(whereSeparator: \.isWhitespace)
              return words.first.map { $0 != "OUT" } ?? false
            }
          }
          if character == ",", depth == 1 {
            parameters.append("")
          } else if depth > 0 {
            parameters[parameters.count - 1].append(character)
          }
          if character == "(" { depth += 1 }
        }
        parameters[parameters.count - 1].append(" ")
      }
      return 0
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
