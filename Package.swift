// swift-tools-version: 6.2
import PackageDescription

// SwiftNIO's C modules and Glibc both declare the system's structs, and which of them owns a member
// depends on the order in which the compiler happens to meet them: where both are in sight, a rule
// about whose import makes a member visible fails some builds and not others.
let strictBesideNIO: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]
let strict = strictBesideNIO + [.enableUpcomingFeature("MemberImportVisibility")]

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser",
  package: "swift-argument-parser"
)
let asyncHTTPClient = Target.Dependency.product(
  name: "AsyncHTTPClient",
  package: "async-http-client"
)
let configuration = Target.Dependency.product(
  name: "Configuration",
  package: "swift-configuration"
)
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let coreMetrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioHTTPCompression = Target.Dependency.product(
  name: "NIOHTTPCompression",
  package: "swift-nio-extras"
)
let nioHTTPTypes = Target.Dependency.product(name: "NIOHTTPTypes", package: "swift-nio-extras")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(
  name: "ServiceLifecycle",
  package: "swift-service-lifecycle"
)
let unixSignals = Target.Dependency.product(
  name: "UnixSignals",
  package: "swift-service-lifecycle"
)
let yams = Target.Dependency.product(name: "Yams", package: "Yams")

let package = Package(
  name: "codemint",
  products: [
    .executable(name: "codemint", targets: ["codemint"])
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(
      url: "https://github.com/apple/swift-configuration",
      exact: "1.4.0",
      traits: ["YAML"]
    ),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
    .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
  ],
  targets: [
    .systemLibrary(
      name: "CLibPQ",
      pkgConfig: "libpq",
      providers: [.apt(["libpq-dev"])]
    ),
    .systemLibrary(name: "CMalloc"),
    .target(
      name: "Postgres",
      dependencies: ["CLibPQ"],
      swiftSettings: strict + [.strictMemorySafety()]
    ),
    .target(name: "Provisioning", swiftSettings: strict),
    .target(
      name: "OneOfNone",
      dependencies: [
        "Provisioning", asyncHTTPClient, logging, nioCore, nioHTTP1, nioHTTPCompression, nioPosix,
        nioSSL,
      ],
      swiftSettings: strictBesideNIO
    ),
    .target(
      name: "Ledger",
      dependencies: ["Provisioning", "Postgres"],
      resources: [
        .embedInCode("Schema/tables/m0001_ledger.sql"),
        .embedInCode("Schema/tables/migrations.sql"),
        .embedInCode("Schema/functions/claim.sql"),
        .embedInCode("Schema/functions/cluster.sql"),
        .embedInCode("Schema/functions/durability.sql"),
        .embedInCode("Schema/functions/events.sql"),
        .embedInCode("Schema/functions/facts.sql"),
        .embedInCode("Schema/functions/guards.sql"),
        .embedInCode("Schema/functions/healing.sql"),
        .embedInCode("Schema/functions/heartbeat.sql"),
        .embedInCode("Schema/functions/insert.sql"),
        .embedInCode("Schema/functions/judge.sql"),
        .embedInCode("Schema/functions/line.sql"),
        .embedInCode("Schema/functions/pace.sql"),
        .embedInCode("Schema/functions/pinned_settings.sql"),
        .embedInCode("Schema/functions/producers.sql"),
        .embedInCode("Schema/functions/queue.sql"),
        .embedInCode("Schema/functions/reconcile.sql"),
        .embedInCode("Schema/functions/refusals.sql"),
        .embedInCode("Schema/functions/retention.sql"),
        .embedInCode("Schema/functions/damage.sql"),
        .embedInCode("Schema/functions/settle.sql"),
        .embedInCode("Schema/functions/steer.sql"),
        .embedInCode("Schema/functions/sync.sql"),
        .embedInCode("Schema/functions/turns.sql"),
        .embedInCode("Schema/functions/waiting.sql"),
        .embedInCode("Schema/functions/wakes.sql"),
        .embedInCode("Schema/functions/watch.sql"),
        .embedInCode("Schema/functions/webhooks.sql"),
        .embedInCode("Schema/views/account_status.sql"),
        .embedInCode("Schema/views/api_facts.sql"),
        .embedInCode("Schema/views/call_log.sql"),
        .embedInCode("Schema/views/doubts.sql"),
        .embedInCode("Schema/views/inherited_comments.sql"),
        .embedInCode("Schema/views/job_status.sql"),
        .embedInCode("Schema/views/my_codes.sql"),
        .embedInCode("Schema/views/my_events.sql"),
        .embedInCode("Schema/views/my_waits.sql"),
        .embedInCode("Schema/views/needs_you.sql"),
        .embedInCode("Schema/views/sync_problems.sql"),
        .embedInCode("Schema/views/waits.sql"),
        .embedInCode("Schema/views/watches.sql"),
        .embedInCode("Schema/views/webhook_backlog.sql"),
        .embedInCode("Schema/roles/grants.sql"),
      ],
      swiftSettings: strict
    ),
    .target(
      name: "Worker",
      dependencies: ["Provisioning", coreMetrics, logging],
      swiftSettings: strict
    ),
    .target(
      name: "Sandbox",
      dependencies: [hummingbird, logging, serviceLifecycle],
      swiftSettings: strictBesideNIO
    ),
    .target(name: "LocalPostgres", swiftSettings: strict),
    .executableTarget(
      name: "codemint",
      dependencies: [
        "CMalloc", "Ledger", "LocalPostgres", "OneOfNone", "Postgres", "Provisioning", "Sandbox",
        "Worker", argumentParser, asyncHTTPClient, configuration, coreMetrics, crypto, hummingbird,
        logging, nioCore, nioHTTPTypes, serviceLifecycle, unixSignals, yams,
      ],
      resources: [
        .embedInCode("Web/Page/page.css"),
        .embedInCode("Web/Page/page.js"),
      ],
      swiftSettings: strictBesideNIO
    ),

    .target(
      name: "MemoryStore",
      dependencies: ["Provisioning"],
      path: "Tests/MemoryStore",
      swiftSettings: strict
    ),
    .target(
      name: "Simulation",
      dependencies: ["MemoryStore", "Provisioning", "Worker", logging],
      path: "Tests/Simulation",
      swiftSettings: strict
    ),
    .target(
      name: "TestSupport",
      dependencies: ["LocalPostgres", "Postgres"],
      path: "Tests/TestSupport",
      swiftSettings: strict
    ),
    .target(name: "Attack", path: "Tests/Attack", swiftSettings: strictBesideNIO),
    .target(
      name: "Backstage",
      dependencies: ["LocalPostgres"],
      path: "Tests/Backstage",
      swiftSettings: strictBesideNIO
    ),
    .executableTarget(
      name: "storm",
      dependencies: ["Backstage", "LocalPostgres", "Postgres", "Sandbox", argumentParser, logging],
      path: "Tests/Storm",
      swiftSettings: strictBesideNIO
    ),
    .executableTarget(
      name: "micro",
      dependencies: ["Ledger", "OneOfNone", "Postgres", "Provisioning"],
      path: "Benchmarks/micro",
      exclude: ["ceilings"],
      swiftSettings: strictBesideNIO
    ),
    .executableTarget(
      name: "simulate",
      dependencies: ["Simulation"],
      path: "Tests/Simulate",
      swiftSettings: strict
    ),
    .testTarget(name: "SimulationTests", dependencies: ["Simulation"], swiftSettings: strict),
    .testTarget(name: "HouseTests", swiftSettings: strict),
    .testTarget(
      name: "ProvisioningTests",
      dependencies: ["MemoryStore", "Provisioning"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "PostgresTests",
      dependencies: ["Attack", "LocalPostgres", "Postgres", "TestSupport"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "LocalPostgresTests",
      dependencies: ["LocalPostgres"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "OneOfNoneTests",
      dependencies: ["Attack", "OneOfNone", "Provisioning", nioCore, nioHTTP1, nioPosix, nioSSL],
      swiftSettings: strictBesideNIO
    ),
    .testTarget(
      name: "SandboxTests",
      dependencies: ["Sandbox", logging, serviceLifecycle],
      swiftSettings: strictBesideNIO
    ),
    .testTarget(
      name: "LedgerTests",
      dependencies: [
        "Attack", "Ledger", "LocalPostgres", "MemoryStore", "Postgres", "Provisioning",
        "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "WorkerTests",
      dependencies: ["MemoryStore", "Provisioning", "Worker", logging],
      swiftSettings: strict
    ),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "Attack", "Backstage", "codemint", "Ledger", "LocalPostgres", "Postgres", "Sandbox",
        "TestSupport",
        asyncHTTPClient, logging, nioCore,
      ],
      swiftSettings: strictBesideNIO
    ),
    .testTarget(
      name: "CodemintTests",
      dependencies: [
        "Attack", "codemint", "Provisioning", argumentParser, hummingbird, logging, nioCore,
        nioEmbedded, nioHTTPTypes, yams,
      ],
      swiftSettings: strictBesideNIO
    ),
  ]
)
