import Foundation
import Ledger
import OneOfNone
import Provisioning

/// Signs messages for one webhook and posts them (Standard Webhooks, https://www.standardwebhooks.com).
struct WebhookSender: Sendable {
  /// The webhook in the settings.
  let entry: WebhookList.Entry
  /// The longest time for one message.
  var timeout: Duration { poster.timeout }
  private let secrets: [WebhookSecret]
  private let poster: WebhookPoster

  init(_ entry: WebhookList.Entry, secrets: [WebhookSecret], poster: WebhookPoster) {
    self.entry = entry
    self.secrets = secrets
    self.poster = poster
  }

  /// The webhook as the ledger knows it.
  var named: NamedWebhook {
    NamedWebhook(name: entry.name, host: entry.url.host, kinds: entry.kinds)
  }

  /// Sends a message, once. While a secret is replaced there are several signatures, one of each secret.
  ///
  /// - Parameter id: What the receiver knows the message by, the same however often it is sent.
  func send(_ body: String, id: String, attempt: Int) async -> WebhookPoster.Outcome {
    let timestamp = Int64(Date().timeIntervalSince1970)
    let bytes = Array(body.utf8)
    let signatures = secrets.map { $0.signature(id: id, timestamp: timestamp, body: bytes) }
    return await poster.post(
      bytes,
      headers: [
        ("webhook-id", id), ("webhook-timestamp", "\(timestamp)"),
        ("webhook-signature", signatures.joined(separator: " ")),
      ],
      attempt: attempt
    )
  }
}
