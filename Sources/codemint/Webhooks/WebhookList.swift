import Logging
import OneOfNone
import Provisioning
import Yams

/// The list of webhooks in the settings (`webhooks.receivers`).
enum WebhookList {
  /// One webhook.
  struct Entry: Sendable, Equatable {
    /// What the ledger, the commands and the secrets know it by.
    var name: String
    /// Where messages go. It may hold a token, so only its host is shown.
    var url: BaseURL
    /// The kinds of events that it gets; nil for all.
    var kinds: [JobEventKind]?
    /// Whether it may lead to this machine or to its own network.
    var allowsPrivate = false
  }

  /// What is wrong with a list, in words without any URL.
  struct Complaint: Error {
    let words: String
  }

  /// What a list has to be.
  static let rule =
    "a list of webhooks, each with a name, a url, and if you like kinds and allow_private"

  /// The most webhooks. Each may have several messages under way.
  static let most = 20

  /// Reads a list, as YAML or JSON.
  static func read(_ text: String) -> Result<[Entry], Complaint> {
    do throws(Complaint) {
      guard let root = try? Parser(yaml: text).singleRoot(), let list = root.sequence else {
        throw Complaint(words: "must be \(rule)")
      }
      var entries: [Entry] = []
      for node in list { entries.append(try entry(node, number: entries.count + 1)) }
      guard entries.count <= most else { throw Complaint(words: "has more than \(most) webhooks") }
      guard Set(entries.map(\.name)).count == entries.count else {
        throw Complaint(words: "has two webhooks of the same name")
      }
      return .success(entries)
    } catch {
      return .failure(error)
    }
  }

  private static func entry(_ node: Node, number: Int) throws(Complaint) -> Entry {
    guard let mapping = node.mapping else {
      throw Complaint(words: "webhook \(number) must be \(rule)")
    }
    guard let name = mapping["name"]?.string, isName(name) else {
      throw Complaint(
        words: "webhook \(number) needs a name of at most 40 small letters, digits, - and _"
      )
    }
    for (key, _) in mapping {
      let known = ["name", "url", "kinds", "allow_private"]
      guard let word = key.string, known.contains(word) else {
        let hint = Spelling.hint(for: key.string ?? "", among: known)
        throw Complaint(words: "webhook \(name) has something that is no setting\(hint)")
      }
    }
    guard let text = mapping["url"]?.string else {
      throw Complaint(words: "webhook \(name) needs a url")
    }
    var entry = Entry(name: name, url: try url(text, of: name))
    entry.kinds = try mapping["kinds"].map { (node) throws(Complaint) in try kinds(node, of: name) }
    if let flag = mapping["allow_private"] {
      guard let allows = flag.bool else {
        throw Complaint(words: "allow_private of webhook \(name) must be true or false")
      }
      entry.allowsPrivate = allows
    }
    guard entry.allowsPrivate || !entry.url.isPlain else {
      throw Complaint(
        words:
          "the url of webhook \(name) must begin with https://; plain http is for this machine, with "
          + "allow_private: true"
      )
    }
    return entry
  }

  private static func isName(_ text: String) -> Bool {
    text.wholeMatch(of: /[a-z0-9][a-z0-9_-]{0,39}/) != nil
  }

  private static func url(_ text: String, of name: String) throws(Complaint) -> BaseURL {
    do throws(ConfigurationError) {
      return try BaseURL(webhook: text)
    } catch {
      throw Complaint(words: "webhook \(name): \(error.description)")
    }
  }

  private static func kinds(_ node: Node, of name: String) throws(Complaint) -> [JobEventKind] {
    let words = node.sequence?.compactMap(\.string) ?? []
    let kinds = words.compactMap(JobEventKind.init(rawValue:))
    guard !kinds.isEmpty, kinds.count == node.sequence?.count else {
      let known = JobEventKind.allCases.map(\.rawValue).joined(separator: ", ")
      throw Complaint(words: "kinds of webhook \(name) must be a list of some of: \(known)")
    }
    return kinds
  }
}

extension Settings {
  /// Takes over the settings of webhooks.
  mutating func readWebhooks(_ reader: inout SettingsReader) {
    webhooks.receivers = reader.webhooks(.webhookReceivers) ?? webhooks.receivers
    webhooks.secrets = reader.webhookSecrets(.webhookSecrets) ?? webhooks.secrets
    webhooks.timeout = reader.whole(.webhookTimeout).map { .seconds($0) } ?? webhooks.timeout
    webhooks.rules.first =
      reader.number(.webhookFirst).map { .seconds($0) } ?? webhooks.rules.first
    webhooks.rules.longest =
      reader.number(.webhookLongest).map { .seconds($0) } ?? webhooks.rules.longest
    webhooks.rules.patience =
      reader.number(.webhookDays).map { .seconds($0 * 86_400) } ?? webhooks.rules.patience
    webhooks.caFile = reader.text(.webhookCAFile)
  }

  /// Says that a secret has no webhook. That is a mistake in its name, or the secret of a webhook that is gone:
  /// systemd keeps the secrets until codemint is started again.
  var unusedSecrets: String? {
    let names = Set(webhooks.secrets.keys).subtracting(webhooks.receivers.map(\.name)).sorted()
    return names.isEmpty
      ? nil : "there is a secret, but no webhook, of the name \(names.joined(separator: ", "))"
  }

  func warnOfUnusedSecrets(_ logger: Logger) {
    if let unusedSecrets { logger.warning("\(unusedSecrets)") }
  }

  /// What sends messages to each webhook.
  ///
  /// - Throws: `SettingsError` if a webhook has no secret.
  func webhookSenders() throws -> [WebhookSender] {
    try webhooks.receivers.map { entry in
      guard let secrets = webhooks.secrets[entry.name] else {
        throw refusal(
          of: .webhookSecrets,
          because: """
            the webhook \(entry.name) has no secret; put a line \(entry.name)=whsec_... into \
            \(Setting.webhookSecrets.environmentName), or if systemd starts codemint, into the file \
            /etc/codemint/webhook-secrets, which systemd reads only when it starts codemint
            """
        )
      }
      do throws(ConfigurationError) {
        let poster = try WebhookPoster(
          entry.url,
          allowsPrivate: entry.allowsPrivate,
          timeout: webhooks.timeout,
          caFile: webhooks.caFile,
          version: Version.current
        )
        return WebhookSender(entry, secrets: secrets, poster: poster)
      } catch {
        throw refusal(
          of: error.code == .caFile ? .webhookCAFile : .webhookReceivers,
          because: error.description
        )
      }
    }
  }
}
