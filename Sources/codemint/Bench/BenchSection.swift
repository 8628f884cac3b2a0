import ArgumentParser

/// What can be measured, in the order in which it is.
enum BenchSection: String, CaseIterable, ExpressibleByArgument {
  /// One large job, end to end, beside one COPY of the same rows.
  case big
  /// Many small jobs of as many codes in all.
  case many
  /// The large job again, in a table that has grown.
  case grown
  /// From an INSERT to the request.
  case wake
  /// Claims among few and many waiting jobs.
  case claim
  /// How the limit of the pace is kept and used.
  case pace
  /// What a daemon costs that has nothing to do.
  case idle

  /// All but the one that needs minutes and gigabytes.
  static let usual = allCases.filter { $0 != .grown }
}
