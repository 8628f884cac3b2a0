/// A value and the text that it was read from, for a field in which one object after another mostly has
/// the same: comparing the text takes less than reading it.
struct LastRead<Value> {
  private var last: (text: JSONReader.Text, value: Value)?

  /// The value of a text, by `read` unless it is the text that was read last.
  mutating func value(
    of text: JSONReader.Text,
    in json: JSONReader,
    _ read: (JSONReader.Text, JSONReader) throws(JSONFailure) -> Value?
  ) throws(JSONFailure) -> Value? {
    if let last, json.areSame(text, last.text) { return last.value }
    let value = try read(text, json)
    last = value.map { (text, $0) }
    return value
  }
}
