/// One of libpq's `keyword=value` pairs.
struct ConnectionOption: Hashable, Sendable {
  let keyword: String
  let value: String
}
