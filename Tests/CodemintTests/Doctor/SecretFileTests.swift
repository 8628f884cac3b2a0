import Foundation
import Testing

@testable import codemint

@Suite("What doctor says about files with secrets")
struct SecretFileTests {
  @Test("a file of one's own is for its owner alone; a credential of systemd also for its group")
  func modes() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    try Data("key".utf8).write(to: URL(filePath: file))
    defer { unlink(file) }
    for (mode, own, credential) in [
      (0o400, Finding.Verdict.ok, Finding.Verdict.ok), (0o440, .failed, .ok),
      (0o444, .failed, .failed), (0o600, .ok, .ok),
    ] {
      chmod(file, mode_t(mode))
      #expect(try Self.verdict(.file(file, line: 1)) == own, "\(String(mode, radix: 8))")
      #expect(try Self.verdict(.credential(file: file)) == credential, "\(String(mode, radix: 8))")
    }
  }

  private static func verdict(_ origin: Origin) throws -> Finding.Verdict {
    var settings = Settings()
    settings.origins = [.apiKey: origin]
    return try #require(FileExamination(settings: settings).findings().first).verdict
  }
}
