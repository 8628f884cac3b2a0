import OneOfNone
import Provisioning

/// Checks that the API can be reached and accepts the key, with `GET /v1/team`, which changes nothing.
struct APIExamination {
  let settings: Settings
  private let clock = SystemClock()

  init(_ settings: Settings) {
    self.settings = settings
  }

  func findings() async -> [Finding] {
    let subject = "API"
    let client: APIClient
    do {
      client = APIClient(try settings.apiConfiguration())
    } catch {
      return [.failed(subject, "\(error)", "correct the setting that the message names")]
    }
    let start = clock.now
    let answer = await client.checkTeam().value
    let took = (clock.now - start).milliseconds
    await client.shutdown()
    let place = settings.api.baseURL
    switch answer {
    case .accepted:
      return [.ok(subject, "\(place) accepts the key, answered in \(took) ms")]
    case .refused(let code, let message):
      return [
        .failed(
          subject,
          "\(place) refuses the key: \(code): \(message)",
          "check that api.key is right"
        )
      ]
    case .unreachable(let cause):
      return [
        .failed(
          subject,
          "\(place): \(cause)",
          "check api.base_url, DNS, proxies, and api.ca_file if the certificate authority is private"
        )
      ]
    }
  }
}
