import Ledger
import MemoryStore
import Postgres
import Provisioning
import TestSupport
import Testing

/// What somebody does to the tables themselves, and what stops only where it is met.
@Suite("damage")
struct DamageTests {
  /// What was done, how it is named, and what helps.
  struct Damage: Sendable {
    let done: String
    let what: String
    let help: String
  }

  static let damages = [
    Damage(
      done: "DROP INDEX codemint.jobs_held",
      what: "index jobs_held is gone",
      help: "CREATE INDEX jobs_held ON codemint.jobs USING btree (id) WHERE held;"
    ),
    Damage(
      done: "ALTER TABLE codemint.calls DROP CONSTRAINT calls_job_id_fkey",
      what: "constraint calls_job_id_fkey of calls is gone",
      help:
        "ALTER TABLE codemint.calls ADD CONSTRAINT calls_job_id_fkey FOREIGN KEY (job_id) REFERENCES codemint.jobs(id);"
    ),
    Damage(
      done: """
        DROP INDEX codemint.jobs_held; CREATE INDEX jobs_held ON codemint.jobs (id) WHERE NOT held
        """,
      what: "index jobs_held is not as codemint made it",
      help:
        "DROP INDEX codemint.jobs_held; CREATE INDEX jobs_held ON codemint.jobs USING btree (id) WHERE held;"
    ),
    Damage(
      done: """
        ALTER TABLE codemint.calls DROP CONSTRAINT calls_job_id_fkey,
          ADD CONSTRAINT calls_job_id_fkey FOREIGN KEY (job_id) REFERENCES codemint.jobs (id) ON DELETE CASCADE
        """,
      what: "constraint calls_job_id_fkey of calls is not as codemint made it",
      help: """
        ALTER TABLE codemint.calls DROP CONSTRAINT calls_job_id_fkey; ALTER TABLE codemint.calls ADD CONSTRAINT \
        calls_job_id_fkey FOREIGN KEY (job_id) REFERENCES codemint.jobs(id);
        """
    ),
    Damage(
      done: "ALTER TABLE codemint.jobs ALTER COLUMN created_by DROP DEFAULT",
      what: "default of jobs.created_by is gone",
      help: "ALTER TABLE codemint.jobs ALTER COLUMN created_by SET DEFAULT CURRENT_USER;"
    ),
    Damage(
      done: "ALTER TABLE codemint.line_marks RENAME TO mine",
      what: "table line_marks is gone",
      help: "give it its name back, or restore it from a backup"
    ),
    Damage(
      done: "ALTER TABLE codemint.stand_ins DROP COLUMN seen_at",
      what: "column stand_ins.seen_at timestamp with time zone is gone",
      help: "give it its name back, or restore it from a backup"
    ),
    Damage(
      done: "ALTER TABLE codemint.jobs DISABLE TRIGGER wake_workers, DISABLE TRIGGER note_events",
      what: "triggers of jobs are disabled: note_events, wake_workers",
      help: "ALTER TABLE codemint.jobs ENABLE TRIGGER note_events, ENABLE TRIGGER wake_workers;"
    ),
    Damage(
      done: """
        INSERT INTO codemint.quotas (producer) VALUES ('shop');
        ALTER SEQUENCE codemint.quotas_id_seq RESTART WITH 1
        """,
      what: "the sequence codemint.quotas_id_seq gives numbers that are taken",
      help: "SELECT setval('codemint.quotas_id_seq', 2, false);"
    ),
    Damage(
      done: "SELECT setval('codemint.jobs_id_seq', 9223372036854775807)",
      what: "the sequence codemint.jobs_id_seq has no number left",
      help: "SELECT setval('codemint.jobs_id_seq', 1, false);"
    ),
    Damage(
      done: """
        ALTER SEQUENCE codemint.jobs_id_seq MAXVALUE 5;
        SELECT setval('codemint.jobs_id_seq', 5)
        """,
      what: "the sequence codemint.jobs_id_seq has no number left",
      help: "ALTER SEQUENCE codemint.jobs_id_seq NO MAXVALUE;"
    ),
  ]

  @Test(
    "what is gone, disabled or spent is named with the statement that mends it, and nobody says that all is well",
    arguments: damages
  )
  func named(_ damage: Damage) async throws {
    try await RealLedger.lend { ledger in
      try await ledger.announce(Scene.fast)
      #expect(try await Migrator(ledger.bystander).state() == .current)
      try await ledger.bystander.script(damage.done)
      let state = try await Migrator(ledger.bystander).state()
      #expect(state == .damaged(["\(damage.what): \(damage.help)"]))
      #expect(state.remedy.contains(damage.help))
      #expect(try await !Migrator(ledger.bystander).migrate())
      let need = try await ledger.bystander.query("SELECT * FROM codemint.needs_you").one()
      #expect(try need.text("kind") == "damaged" && need.text("why") == damage.what)
      #expect(try need.text("what_to_do") == damage.help)
      let verdict = try await ledger.bystander.query("SELECT level FROM codemint.verdict").one()
      #expect(try verdict.text("level") == "needs you")
      guard damage.help.hasSuffix(";") else { return }
      try await ledger.bystander.script(damage.help)
      #expect(try await Migrator(ledger.bystander).state() == .current)
      #expect(try await ledger.bystander.query("SELECT FROM codemint.needs_you").isEmpty)
    }
  }

  @Test("damage is told beside functions that somebody changed, and says why migrate cannot go on")
  func drifted() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(
        "DROP INDEX codemint.jobs_held; DROP FUNCTION codemint.count_failed"
      )
      let migrator = Migrator(connection)
      let lost = "index jobs_held is gone"
      let told = await migrator.remedy(of: try await migrator.state())
      #expect(told.contains("count_failed()") && told.contains(lost))
      #expect(try await migrator.migrate())
      try await connection.script(
        "ALTER TABLE codemint.jobs RENAME TO mine; DROP FUNCTION codemint.count_failed"
      )
      let error = await #expect(throws: LedgerError.self) { try await migrator.migrate() }
      #expect(error?.description.contains("table jobs is gone: give it its name back") == true)
      await connection.close()
    }
  }

  @Test("what was gone before a migration stays known, and what is somebody's own may go")
  func kept() async throws {
    try await TestServer.lend(.migrated) { settings in
      let connection = try await Connection.open(settings)
      try await connection.script(
        "DROP INDEX codemint.jobs_held; CREATE INDEX mine ON codemint.jobs (count)"
      )
      let next = Migration(
        number: 2,
        name: "colour",
        sql: """
          ALTER TABLE codemint.jobs ADD COLUMN colour text;
          CREATE INDEX jobs_colour ON codemint.jobs (colour);
          DROP INDEX codemint.jobs_finished;
          """
      )
      let schema = Schema(
        migrations: Schema.current.migrations + [next],
        code: Schema.current.code,
        grants: Schema.current.grants
      )
      #expect(try await Migrator(connection, schema: schema).migrate())
      let lost: Statement = "SELECT part FROM codemint.lost_parts() ORDER BY 1"
      #expect(
        try await connection.query(lost).map { try $0.text("part") } == ["index jobs_held"]
      )
      try await connection.script("DROP INDEX codemint.mine, codemint.jobs_colour")
      #expect(
        try await connection.query(lost).map { try $0.text("part") }
          == ["index jobs_colour", "index jobs_held"]
      )
      await connection.close()
    }
  }

  @Test("while a table is locked, damage elsewhere is told, and nobody waits")
  func locked() async throws {
    try await RealLedger.lend { ledger in
      let holder = try await Connection.open(ledger.settings)
      try await holder.script("BEGIN; LOCK TABLE codemint.quotas")
      try await ledger.bystander.script(
        "SET lock_timeout = '5s'; ALTER TABLE codemint.jobs DISABLE TRIGGER wake_workers"
      )
      let damage = try await ledger.bystander.query("SELECT relation FROM codemint.find_damage()")
      #expect(try damage.map { try $0.text("relation") } == ["jobs"])
      await holder.close()
    }
  }

  @Test(
    "rule 21: a heartbeat sets a sequence forward that lies behind, and no number of a purged job is given again"
  )
  func sequences() async throws {
    try await Logins.lend { logins in
      let pool = Pool(try await logins.newLogin(.worker), limit: 1)
      let daemon = PostgresStore(pool: pool)
      let presence = Samples.presence(Samples.worker(1), limits: Scene.fast)
      _ = try await daemon.heartbeat(presence)
      let insert: Statement =
        "INSERT INTO codemint.jobs (reward_id, count) VALUES (gen_random_uuid(), 10) RETURNING id"
      _ = try await logins.owner.query(insert)
      try await logins.owner.script(
        """
        INSERT INTO codemint.purges (job_id, reward_id, count, state, codes, created_by)
        VALUES (40, gen_random_uuid(), 1, 'failed', 0, 'shop');
        ALTER SEQUENCE codemint.jobs_id_seq RESTART WITH 1
        """
      )
      let refused = await failure { () throws(PostgresError) in
        try await logins.owner.query(insert)
      }
      #expect(refused?.sqlState == "23505")
      try await logins.owner.script(RealLedger.healingDue)
      _ = try await daemon.heartbeat(presence)
      #expect(try await logins.owner.query(insert).one().int64("id") == 41)
      let healing = try await logins.owner.query("SELECT mended FROM codemint.healing").one()
      let words = "codemint.jobs_id_seq would have given the number"
      #expect(try healing.text("mended").contains(words))
      #expect(try await logins.owner.query("SELECT FROM codemint.find_damage()").isEmpty)
      await pool.close()
    }
  }
}
