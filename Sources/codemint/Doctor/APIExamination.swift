import OneOfNone
import Provisioning

/// Whether the API can be reached and takes the key, asked with the harmless `GET /v1/team`.
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
      return [.failed(subject, "\(error)", "set what is named")]
    }
    let start = clock.now
    let answer = await client.checkTeam()
    let took = (clock.now - start).milliseconds
    await client.shutdown()
    let place = settings.api.baseURL
    switch answer {
    case .accepted:
      return [.ok(subject, "\(place) takes the key, answered in \(took) ms")]
    case .refused(let code, let message):
      return [
        .failed(
          subject,
          "\(place) refuses the key: \(code): \(message)",
          "see that api.key is right"
        )
      ]
    case .unreachable(let cause):
      return [
        .failed(
          subject,
          "\(place): \(cause)",
          "see api.base_url, DNS, a proxy in the way, and api.ca_file if the authority is private"
        )
      ]
    }
  }
}
