import Backstage
import Foundation
import LocalPostgres
import Testing

@Suite("What commands print", .timeLimit(Patience.limit))
struct OutputTests {
  private static let queued = """
    INSERT INTO codemint.jobs (reward_id, count, run_at)
    SELECT '\(Reward.first)', 5, now() + interval '1 day' FROM generate_series(1, 2000)
    """

  @Test(
    "output that cannot be written ends with 74, and says so",
    arguments: [
      ["status"], ["status", "--json"], ["doctor", "--json"], ["migrate", "--print"], ["--help"],
      ["--version"], ["export", "1"], ["watch", "1"], ["pause", "1"], ["migrate", "--check"],
    ]
  )
  func full(arguments: [String]) async throws {
    try await Stage.play { stage in
      try await stage.database.insert(Job(Reward.first, 7))
      for place in ["/dev/full", "&-"] {
        let command = try stage.codemint(
          ["-c", #"exec "$0" "$@" >\#(place)"#, Binary.path] + arguments,
          program: "/bin/sh"
        )
        // A watch of a job that does not end writes one line, and learns with it.
        #expect(try await command.end() == .status(74), "\(arguments) >\(place)")
        #expect(command.errors.count("cannot write to standard output: ") == 1)
      }
    }
  }

  @Test("the number of a job that was inserted is said, even if it cannot be printed")
  func lostNumber() async throws {
    try await Stage.play { stage in
      let full = open("/dev/full", O_WRONLY | O_CLOEXEC)
      defer { close(full) }
      let enqueue = try stage.codemint(["enqueue", Reward.first, "5", "--json"], output: full)
      #expect(try await enqueue.end() == .status(74))
      #expect(enqueue.errors.count("the job was inserted, and its number is 1") == 1)
    }
  }

  @Test("a slow reader of a non-blocking pipe gets everything")
  func slowReader() async throws {
    try await Stage.play { stage in
      try await stage.database.run(Self.queued)
      let (reading, writing) = try Spawn.pipe()
      _ = fcntl(writing, F_SETFL, O_NONBLOCK)
      let status = try stage.codemint(
        ["status", "--json", "--limit", "10000"],
        output: writing
      )
      close(writing)
      // Nobody reads until the pipe is full.
      try await Patience.until {
        var waiting: Int32 = 0
        return ioctl(reading, UInt(FIONREAD), &waiting) == 0 && waiting >= 65_536
      }
      let lines = Lines()
      lines.read(reading)
      let text = try await lines.whole().joined(separator: "\n")
      #expect(try await status.end() == .status(0))
      let report = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
      #expect((report?["jobs"] as? [Any])?.count == 2000)
    }
  }

  @Test("a reader that has enough ends a command quietly", arguments: [["watch"], ["watch", "1"]])
  func enough(arguments: [String]) async throws {
    try await Stage.play { stage in
      try await stage.database.run(Self.queued)
      let (reading, writing) = try Spawn.pipe()
      let watch = try stage.codemint(arguments, output: writing)
      close(writing)
      // Something has been written.
      try await Patience.until {
        var waiting: Int32 = 0
        return ioctl(reading, UInt(FIONREAD), &waiting) == 0 && waiting > 0
      }
      close(reading)
      let ending = try await watch.end()
      #expect(ending == .signal(SIGPIPE))
      #expect(watch.errors.all == [])
    }
  }

  @Test(
    "an export that is killed leaves no file behind",
    arguments: [SIGTERM, SIGINT, SIGHUP, SIGKILL]
  )
  func killed(signal: Int32) async throws {
    try await Stage.play { stage in
      try await stage.database.insert(Job(Reward.first, 7))
      let path = "\(stage.directory)/codes.csv"
      try await stage.database.whileLocked("codemint.codes") {
        let export = try stage.codemint(["export", "1", "--output", path])
        try await Patience.until {
          try await stage.database.holds(
            """
            EXISTS (SELECT FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock')
            """
          )
        }
        export.send(signal)
        #expect(try await export.end() == .signal(signal))
      }
      #expect(try FileManager.default.contentsOfDirectory(atPath: stage.directory) == [])
    }
  }
}
