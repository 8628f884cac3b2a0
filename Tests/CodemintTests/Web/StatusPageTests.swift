import Foundation
import Testing

@testable import codemint

@Suite("the status page")
struct StatusPageTests {
  private static let reward = "3c90c3cc-0d44-4b50-8888-8dd25736052a"

  /// One job in the form of /status.json.
  private static func job(_ id: Int, _ state: String, _ more: [String: Any] = [:]) -> [String: Any]
  {
    [
      "id": id, "state": state, "paused": false, "held": false, "reward_id": reward, "count": 100,
      "issued": 40, "outstanding": 0, "surplus": 0, "created_by": "shop",
      "created_at": "2026-11-30T16:56:03.5+00:00", "sync_errors": 0,
    ].merging(more) { $1 }
  }

  private static var held: [String: Any] {
    job(
      39,
      "running",
      [
        "held": true, "prefix": "SUMMER", "dedupe_key": "order-17", "reason": "held",
        "why": "forbidden: <script>alert(1)</script>",
      ]
    )
  }

  private static func page(
    level: String = "well",
    words: String = "all well: 1 job runs",
    jobs: [[String: Any]] = [],
    more: [String: Any] = [:],
    filter: StatusPage.Filter = .init(),
    minutes: [Int] = []
  ) throws -> StatusPage {
    let object: [String: Any] = [
      "database": "shop", "verdict": ["level": level, "words": words],
      "needs_you": [[String: Any]](),
      "counts": ["held": 0, "running": 1, "paused": 0, "open": 300], "jobs": jobs,
      "doubts": [[String: Any]](), "sync": [[String: Any]](), "api": [[String: Any]](),
      "webhooks": [[String: Any]](),
      "workers": [
        [
          "host": "mill-1", "process": 7, "version": "1.2.3", "draining": false,
          "started_at": "2026-11-30T16:56:03+00:00",
        ]
      ],
    ].merging(more) { $1 }
    let data = try JSONSerialization.data(withJSONObject: object)
    return StatusPage(
      facts: try LedgerReport.read(String(decoding: data, as: UTF8.self)),
      minutes: minutes,
      filter: filter,
      api: "api.oneofnone.io"
    )
  }

  private static var need: [String: Any] {
    [
      "kind": "held", "subject": "job 39", "since": "2026-11-30T16:56:03.5+00:00",
      "why": "forbidden: <script>alert(1)</script>", "job_id": 39,
      "what_to_do": "SELECT codemint.retry_job(39, 'why'); -- when that has been mended",
      "command": "codemint retry 39 --note 'why'",
    ]
  }

  @Test("the verdict is in the text, the title and the icon, with a sign as well as a colour")
  func verdict() throws {
    for (level, sign) in [("well", "✓"), ("waiting", "…"), ("needs you", "!"), ("stopped", "✗")] {
      let html = try Self.page(level: level, words: "it is so").document(
        asOf: "2026-11-30T17:06:41+00:00"
      ).markup
      let name = level.replacing(" ", with: "-")
      #expect(html.contains("<title>\(sign) it is so - codemint</title>"))
      #expect(html.contains(#"href="icon/\#(name).svg""#))
      #expect(html.contains(#"class="verdict \#(name)" role="status">it is so</p>"#))
      #expect(
        html.contains("as of <time datetime=\"2026-11-30T17:06:41+00:00\">2026-11-30 17:06:41")
      )
    }
  }

  @Test("what needs a person is one list with since when, why, the command and the SQL")
  func needs() throws {
    let html = try Self.page(
      level: "needs you",
      jobs: [Self.held],
      more: ["needs_you": [Self.need]]
    )
    .content.markup
    let list = try #require(
      html.components(separatedBy: #"id="needs""#).last?.components(separatedBy: "</section>").first
    )
    for text in [
      #"<a href="jobs/39">job 39</a>"#, "since <time", "2026-11-30 16:56:03",
      "<code tabindex=\"0\">codemint retry 39 --note &#39;why&#39;</code>",
      "<code tabindex=\"0\">SELECT codemint.retry_job(39, &#39;why&#39;);",
    ] { #expect(list.contains(text), "\(text)") }
  }

  @Test("what helps is also said where no statement of codemint does it")
  func words() throws {
    let blocked = Self.need.merging([
      "kind": "blocked", "what_to_do": "give the daemons a key that is valid",
      "command": "systemctl restart codemint  # once the key is valid",
    ]) { $1 }
    let html = try Self.page(level: "stopped", more: ["needs_you": [blocked]]).content.markup
    #expect(html.contains(">give the daemons a key that is valid</code>"))
    #expect(html.contains(">systemctl restart codemint  # once the key is valid</code>"))
  }

  @Test("what others wrote is text, never markup")
  func escaped() throws {
    let html = try Self.page(
      level: "needs you",
      jobs: [Self.held],
      more: ["needs_you": [Self.need]]
    )
    .document(asOf: "2026-11-30T17:06:41+00:00").markup
    #expect(html.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !html.contains("<script>"))
    #expect(!html.contains("style=") && !html.contains("\n<main"))
  }

  @Test("a job is known by its prefix, key, creator and the beginning of its reward")
  func names() throws {
    let html = try Self.page(jobs: [Self.held]).content.markup
    #expect(html.contains("prefix SUMMER, key order-17, by shop, reward 3c90c3cc,"))
  }

  @Test("a job that only a person gets on never looks good; one that runs does")
  func looks() throws {
    let reasons = [
      "decision", "held", "suspended", "locked", "daemon", "blocked", "unclaimable", "unknown",
    ]
    for reason in reasons {
      let html = try Self.page(jobs: [Self.job(1, "running", ["reason": reason, "why": "so"])])
      #expect(html.content.markup.contains(#"<li class="bad" data-key="1">"#), "\(reason)")
    }
    for (reason, look) in [("turn", "good"), ("pause", "wait"), ("doubt", "wait")] {
      let html = try Self.page(jobs: [Self.job(1, "running", ["reason": reason, "why": "so"])])
      #expect(html.content.markup.contains(#"<li class="\#(look)" data-key="1">"#), "\(reason)")
    }
  }

  @Test("held jobs come first, then those that run, then those that wait; ended ones are a table")
  func order() throws {
    let ended = Self.job(4, "completed", ["finished_at": "2026-11-30T17:00:00+00:00"])
    let html = try Self.page(
      jobs: [Self.job(1, "queued"), Self.job(2, "running"), Self.held, ended]
    ).content.markup
    let keys = html.matches(of: /<li class="[a-z]+" data-key="(\d+)">/).map { String($0.1) }
    #expect(keys == ["39", "2", "1"])
    #expect(html.contains(#"aria-label="Finished jobs"><table>"#))
    #expect(html.contains("<td><a href=\"jobs/4\">4</a></td>"))
    #expect(html.contains("3 of 300 open jobs are here"))
  }

  @Test("jobs are chosen by state and by any text that is shown of them")
  func filter() throws {
    let jobs = [Self.job(1, "queued"), Self.job(2, "running"), Self.held]
    for (state, text, ids) in [
      ("needs you", nil, ["39"]), ("queued", nil, ["1"]), (nil, "ORDER-17", ["39"]),
      (nil, "3c90c3cc-0d44", ["39", "2", "1"]), ("running", "summer", ["39"]), (nil, "nothing", []),
    ] as [(String?, String?, [String])] {
      let html = try Self.page(jobs: jobs, filter: .init(state: state, text: text)).content.markup
      let keys = html.matches(of: /<li class="[a-z]+" data-key="(\d+)">/).map { String($0.1) }
      #expect(keys == ids, "\(state ?? "") \(text ?? "")")
    }
  }

  @Test(
    "codes per minute are a line with words for who cannot see it; the present minute is shown as not over"
  )
  func sparkline() throws {
    let html = try Self.page(minutes: [0, 500, 250, 50]).content.markup
    #expect(html.contains(#"<polyline points="0,38 100,2 200,20">"#))
    #expect(html.contains(#"<polyline class="present" points="200,20 300,35">"#))
    #expect(html.contains("250 in the last full minute, 50 so far in this one, 500 at most"))
  }

  @Test("webhooks are a table with what waits for each and why; without any there is none")
  func webhooks() throws {
    let failing: [String: Any] = [
      "webhook": "shop", "state": "failing", "host": "shop.example", "waiting": 12, "dead": 0,
      "oldest_event_at": "2026-11-30T16:56:03+00:00", "last_error": "answered with 500",
      "failing_since": "2026-11-30T16:58:00+00:00", "failures": 3,
    ]
    let dead: [String: Any] = [
      "webhook": "till", "state": "dead letters", "host": "till.example", "waiting": 0, "dead": 4,
      "last_success_at": "2026-11-30T15:00:00+00:00", "last_error": "answered with 410",
    ]
    let html = try Self.page(more: ["webhooks": [failing, dead]]).content.markup
    for row in [
      #"<tr><td>shop</td><td><span class="tag wait">failing</span></td><td>12</td>"#,
      "16:56:03</time></td><td>0</td><td>never</td><td>shop.example</td><td>answered with 500</td>",
      #"<tr><td>till</td><td><span class="tag bad">dead letters</span></td><td>0</td><td></td>"#,
      "<td>4</td>",
    ] { #expect(html.contains(row), "\(row)") }
    #expect(try !Self.page().content.markup.contains("Webhooks"))
  }

  @Test("the page of a job shows its events, and an absent call whose codes turned up later")
  func jobPage() throws {
    let time = "2026-11-30T16:56:03+00:00"
    let object: [String: Any] = [
      "as_of": time, "job": Self.job(39, "running"), "needs_you": [[String: Any]](),
      "doubts": [[String: Any]](), "sync": [[String: Any]](), "actions": [[String: Any]](),
      "calls": [
        [
          "id": Self.reward, "job_id": 39, "created_at": time, "state": "adopted", "size": 500,
          "received": 20, "resolution": "absent", "resolved_by": "ops", "resolution_note": "asked",
        ]
      ],
      "events": [
        [
          "id": 7, "kind": "held", "at": time,
          "detail": ["count": 100, "issued": 40, "error_code": "forbidden"],
        ]
      ],
    ]
    let data = try JSONSerialization.data(withJSONObject: object)
    let page = JobPage(facts: try LedgerReport.read(String(decoding: data, as: UTF8.self)))
    let text = page.document.markup
    #expect(text.contains("absent by ops: asked; its codes turned up later"))
    #expect(text.contains("<td>held</td><td>40 of 100 codes, forbidden</td><td>7</td>"))
  }

  @Test("a failed job's page says why it failed, since when and what helps, and is not green")
  func failedJobPage() throws {
    let time = "2026-11-30T16:56:03+00:00"
    let failed: [String: Any] = [
      "error_code": "unprocessable", "error_message": "the reward has ended", "finished_at": time,
    ]
    var object: [String: Any] = ["as_of": time, "job": Self.job(39, "failed", failed)]
    for list in ["needs_you", "doubts", "sync", "actions", "calls", "events"] {
      object[list] = [[String: Any]]()
    }
    let data = try JSONSerialization.data(withJSONObject: object)
    let facts: LedgerReport.Explanation = try LedgerReport.read(
      String(decoding: data, as: UTF8.self)
    )
    let text = JobPage(facts: facts).document.markup
    #expect(text.contains("it has failed: unprocessable: the reward has ended"))
    #expect(text.contains("codemint retry 39"))
    #expect(text.contains(#"<p class="verdict needs-you">failed"#))
    #expect(facts.since == time)
    let why = ExplanationText(facts: facts, palette: Palette(isOn: false)).lines.joined(
      separator: "\n"
    )
    #expect(why.contains("it has failed: unprocessable: the reward has ended"))
    #expect(why.contains("codemint retry 39"))
  }
}
