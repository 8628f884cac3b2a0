import Testing

@testable import codemint

@Suite("Exit statuses")
struct ExitStatusTests {
  @Test("they are those of sysexits(3), and 1")
  func numbers() {
    #expect(ExitStatus.allCases.map(\.rawValue) == [0, 1, 64, 65, 69, 70, 74, 75, 77, 78])
  }
}
