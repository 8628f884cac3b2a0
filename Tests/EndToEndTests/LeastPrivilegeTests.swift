import Testing

@Suite("Least privilege", .timeLimit(Patience.limit))
struct LeastPrivilegeTests {
  @Test("producer, daemon, operator and reader each do their part with their own role only")
  func parts() async throws {
    try await Stage.play { stage in
      let producer = try await stage.login("codemint_producer")
      let daemon = try await stage.login("codemint_worker")
      let person = try await stage.login("codemint_operator")

      let inserted = try stage.codemint(
        ["enqueue", Reward.first, "700", "--prefix", "SUMMER", "--wait"],
        producer
      )
      _ = try stage.daemon(daemon)
      #expect(try await inserted.end() == .status(0))
      #expect(try await stage.database.unsound() == [])
      for login in [producer, person, daemon] {
        let status = try stage.codemint(["status"], login)
        #expect(try await status.end() == .status(0))
        try await status.output.line("completed")
      }
      let audit = try stage.codemint(["audit", Reward.first], daemon)
      #expect(try await audit.end() == .status(0))
    }
  }

  @Test(
    "a daemon whose login lacks the role ends with 77 and says which grant helps",
    arguments: ["codemint_producer", nil]
  )
  func lacking(role: String?) async throws {
    try await Stage.play { stage in
      let daemon = try stage.daemon(try await stage.login(role))
      #expect(try await daemon.end() == .status(77))
      try await daemon.errors.line("GRANT codemint_worker TO")
    }
  }
}

extension Stage {
  /// Makes a login with this role, and says in the environment that it is to be used.
  func login(_ role: String?) async throws -> [String: String?] {
    let name = "\(role ?? "nobody")_of_\(database.name)"
    try await database.run(
      "CREATE ROLE \(name) LOGIN" + (role.map { " IN ROLE \($0)" } ?? "")
    )
    return ["CODEMINT_DATABASE_URL": database.url.replacing("postgres@", with: "\(name)@")]
  }
}
