// Tests of the executable's parts: settings, commands, logging, metrics, systemd and the bench.
//
// No test reads the environment of the test process; each test gives its own. Each test has its own
// directory for files. Sockets and pipes are real. No test waits for a clock.

import Foundation
import Testing

@testable import codemint

/// A directory of a test's own, gone when the test lets go of it.
final class Scratch {
  let path: String

  init() throws {
    let name = "codemint-\(UUID().uuidString.prefix(8))"
    path = FileManager.default.temporaryDirectory.appending(path: name).path(percentEncoded: false)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// Writes a file and returns its path.
  func file(_ name: String, _ text: String) throws -> String {
    try file(name, bytes: Array(text.utf8))
  }

  /// Writes a file of any bytes and returns its path.
  func file(_ name: String, bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(filePath: file))
    return file
  }
}

/// The repository that holds this test.
enum Repository {
  static func text(_ path: String) throws -> String {
    let here = URL(filePath: #filePath).resolvingSymlinksInPath()
    // Tests/CodemintTests/Support/Scratch.swift
    let root = (0..<4).reduce(here) { url, _ in url.deletingLastPathComponent() }
    return try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }
}
