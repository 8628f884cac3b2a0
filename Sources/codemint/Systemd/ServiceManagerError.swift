/// Why the service manager could not be told something.
struct ServiceManagerError: Error, Equatable, CustomStringConvertible {
  /// What happened, with the system's own words.
  let description: String
}
