extension String {
  /// The text as a cell of a table can hold it: its lines one behind the other, as libpq's messages
  /// have several, and nothing in it that would move a terminal's cursor.
  var onOneLine: String {
    var whole = ""
    for line in split(whereSeparator: \.isNewline) {
      let text = line.drop(while: \.isWhitespace)
      guard !text.isEmpty else { continue }
      if let last = whole.last { whole += last == ":" ? " " : "; " }
      whole += text
    }
    return Escaping.plain(whole)
  }
}
