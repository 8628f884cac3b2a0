import Provisioning
import Testing

@testable import codemint

@Suite("config/codemint.yaml, the commented copy")
struct SampleFileTests {
  /// A commented-out line: a # right before a section, or before two spaces and a setting.
  static func isSetting(_ line: Substring) -> Bool {
    line.wholeMatch(of: /#(?:[a-z_]+:|  [a-z_]+: .+)/) != nil
  }

  /// The file's text with the lines of these settings, or of all, in force. The example of a file
  /// of authorities becomes one that exists.
  static func text(only settings: Set<Setting> = Set(Setting.allCases), authority: String) throws
    -> String
  {
    var section = ""
    let lines = try Repository.text("config/codemint.yaml")
      .split(separator: "\n", omittingEmptySubsequences: false)
    return lines.map { line in
      guard isSetting(line) else { return String(line) }
      let bare = line.dropFirst()
      let name = bare.prefix { $0 != ":" }.drop { $0 == " " }
      if bare.first != " " {
        section = String(name)
        return settings.contains { $0.path[0] == section } ? String(bare) : String(line)
      }
      guard let setting = Setting(rawValue: "\(section).\(name)"), settings.contains(setting) else {
        return String(line)
      }
      return [.apiCAFile, .webhookCAFile].contains(setting)
        ? "  ca_file: \(authority)" : String(bare)
    }
    .joined(separator: "\n")
  }

  static func origins(_ settings: Settings) -> Set<Setting> { Set(settings.origins.keys) }

  @Test("without changes, it sets nothing")
  func untouched() throws {
    #expect(try Loading.settings(yaml: Repository.text("config/codemint.yaml")).origins.isEmpty)
  }

  @Test("with every line in force it is accepted, and only secrets are missing")
  func everything() throws {
    let scratch = try Scratch()
    let authority = try scratch.file("ca.pem", "")
    let settings = try Loading.settings(yaml: Self.text(authority: authority))
    #expect(Self.origins(settings) == Set(Setting.allCases.filter { !$0.isNeverInFile }))
  }

  @Test("each line by itself is accepted and says the default", arguments: Setting.allCases)
  func eachLine(setting: Setting) throws {
    guard !setting.isNeverInFile else { return }
    let scratch = try Scratch()
    let authority = try scratch.file("ca.pem", "")
    let yaml = try Self.text(only: [setting], authority: authority)
    var settings = try Loading.settings(yaml: yaml)
    #expect(Self.origins(settings) == [setting])
    // These have no default but an example.
    settings.database = .init()
    settings.api.caFile = nil
    settings.webhooks.caFile = nil
    settings.webhooks.receivers = []
    settings.origins = [:]
    #expect(String(reflecting: settings) == String(reflecting: try Loading.settings()))
  }

  @Test("it names each setting's environment variable and range", arguments: Setting.allCases)
  func documentation(setting: Setting) throws {
    let text = try Repository.text("config/codemint.yaml")
    #expect(text.contains(setting.environmentName))
    // Lines are broken where they are full.
    let flowing = text.replacing("\n# ", with: " ")
    switch setting.kind {
    case .whole(let range):
      #expect(flowing.contains("from \(range.lowerBound) to \(range.upperBound)"))
    case .number(let range):
      let (low, high) = (Setting.plain(range.lowerBound), Setting.plain(range.upperBound))
      #expect(flowing.contains("from \(low) to \(high)"))
    case .choice(let words): #expect(words.allSatisfy { flowing.contains($0) })
    case .flag: #expect(flowing.contains("true or false"))
    case .address: #expect(flowing.contains("HOST:PORT"))
    case .webhooks: #expect(JobEventKind.allCases.allSatisfy { flowing.contains($0.rawValue) })
    case .webhookSecrets: #expect(flowing.contains("NAME=whsec_"))
    case .text, .secret: break
    }
  }
}
