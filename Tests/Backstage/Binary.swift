// Backstage: what end-to-end tests and storms need to run the real binary and to be sure of its end.
//
// `CodemintProcess` is one run of `codemint`: its lines, its signals, its exit status. `Spawn` starts
// programs with exactly what they are given, `Lines` is what comes out of them, `Watched` a value
// whose changes can be waited for. `Undertaker` kills what is left if this process is itself killed.

import Foundation

/// The binary under test.
package enum Binary {
  /// It is built into the same directory as whoever runs it.
  package static let path = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().appending(path: "codemint").path
}
