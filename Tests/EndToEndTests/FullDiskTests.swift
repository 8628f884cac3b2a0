import Backstage
import Foundation
import Testing

/// A disk that is really full: a file system in memory, of eight megabytes. Only root may mount one.
@Suite(
  "A full disk",
  .timeLimit(Patience.limit),
  .enabled("only root may mount a small file system") { SmallDisk.canMount }
)
struct FullDiskTests {
  @Test(
    "answers wait until there is room: said once, once when it is over, and in waits; nothing is lost or asked for twice"
  )
  func full() async throws {
    try await Stage.playWithOwnServer { stage in
      let database = stage.database
      let disk = try SmallDisk()
      defer { disk.unmount() }
      try await database.run("CREATE TABLESPACE small LOCATION '\(disk.path)'")
      try await database.run(
        """
        ALTER TABLE codemint.codes SET TABLESPACE small;
        CREATE TABLE public.filler (text text) TABLESPACE small;
        """
      )
      let daemon = try stage.daemon(["CODEMINT_LEASE_SECONDS": "10"])
      try await stage.firstAnswer()
      try await Self.fill(database)
      try await database.insert([Job(Reward.first, 1500), Job(Reward.second, 1500)])
      try await daemon.errors.line("the database's disk is full; trying until there is room")
      try await Patience.until {
        try await database.holds(
          """
          EXISTS (SELECT FROM codemint.waits
                  WHERE reason = 'unsettled' AND why LIKE '%No space left on device%')
          """
        )
      }
      // No answer is given up when the lease that its call began with is over.
      try await Patience.until {
        try await database.holds(
          """
          EXISTS (SELECT FROM codemint.calls WHERE state = 'sending' AND clock_timestamp() > created_at + interval '15 s')
          """
        )
      }
      try await database.run("DROP TABLE public.filler")
      try await database.allEnded()
      #expect(try await database.unsound() == [])
      #expect(try await stage.count() == Stage.Count(stored: 3001, distinct: 3001, made: 3001))
      try await daemon.errors.line("there is room on the database's disk again")
      #expect(daemon.errors.count("the database's disk is full") == 1)
      #expect(daemon.errors.count("there is room on the database's disk again") == 1)
      daemon.send(SIGTERM)
      #expect(try await daemon.end() == .status(0))
      try await database.run("ALTER TABLE codemint.codes SET TABLESPACE pg_default")
      try await database.run("DROP TABLESPACE small")
    }
  }

  /// Writes until the disk takes no more, down to the last block.
  private static func fill(_ database: Database) async throws {
    for length in [200_000, 2000, 100] {
      while true {
        do {
          // Text that does not get smaller.
          try await database.run(
            """
            INSERT INTO public.filler SELECT string_agg(md5(random()::text), '')
            FROM generate_series(1, \(length) / 32)
            """
          )
        } catch {
          #expect("\(error)".contains("53100"), "\(error)")
          break
        }
      }
    }
  }
}

/// A file system of eight megabytes, for the account of the server.
private struct SmallDisk {
  let path: String

  static var canMount: Bool { getuid() == 0 && (try? SmallDisk().unmount()) != nil }

  init() throws {
    path = "/tmp/codemint-disk-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    let owner = getpwnam("postgres") ?? getpwnam("nobody")
    let (user, group) = owner.map { ($0.pointee.pw_uid, $0.pointee.pw_gid) } ?? (0, 0)
    guard mount("tmpfs", path, "tmpfs", 0, "size=8m,mode=0700,uid=\(user),gid=\(group)") == 0 else {
      rmdir(path)
      throw POSIXError(.init(rawValue: errno) ?? .EPERM)
    }
  }

  func unmount() {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
  }
}
