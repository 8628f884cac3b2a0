// The promises of codemint, kept by the real binary: each test starts `codemint` as anybody would,
// against a real Postgres and the stand-in for the API, and looks at what it did from outside.
//
// `Stage` gives a test its own database and its own stand-in, and ends what the test started.
// `CodemintProcess` is one run of the binary: its lines, its signals, its exit status. `Database`
// is the test's own eye on the ledger. Nothing here waits for time to pass: lines, exits, datagrams
// and changes of tables are signals; only where there is none, `Patience` looks again and again.

import Foundation

/// The binary under test.
enum Binary {
  /// It is built into the same directory as the tests.
  static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "codemint").path
}
