/// A piece of HTML. Text gets in only escaped, so nothing that others wrote can become markup.
struct HTML: ExpressibleByStringInterpolation, Sendable {
  /// The markup.
  let markup: String

  init(stringLiteral value: String) { markup = value }

  init(stringInterpolation: Interpolation) { markup = stringInterpolation.markup }

  init(_ parts: [HTML]) { markup = parts.map(\.markup).joined() }

  static let nothing: HTML = ""

  /// What stands between the marks of an interpolated text.
  struct Interpolation: StringInterpolationProtocol {
    var markup = ""

    init(literalCapacity: Int, interpolationCount: Int) {
      markup.reserveCapacity(literalCapacity + 20 * interpolationCount)
    }

    mutating func appendLiteral(_ literal: String) { markup += literal }

    mutating func appendInterpolation(_ text: String) { markup += HTML.escaped(text) }

    mutating func appendInterpolation(_ number: Int) { markup += String(number) }

    mutating func appendInterpolation(_ number: Int64) { markup += String(number) }

    mutating func appendInterpolation(_ html: HTML) { markup += html.markup }

    mutating func appendInterpolation(_ html: HTML?) { markup += html?.markup ?? "" }
  }

  /// A text in which no character is markup, in quotation marks too. Lines are joined, because an event of the
  /// page has one line.
  private static func escaped(_ text: String) -> String {
    var escaped = ""
    for scalar in text.onOneLine.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

extension HTML {
  /// A time as people read it.
  static func time(_ iso: String) -> HTML { "<time datetime=\"\(iso)\">\(iso.asTime)</time>" }

  /// A list of facts with their names; those without a value are left out.
  static func facts(_ facts: [(String, HTML?)]) -> HTML {
    let items = facts.compactMap { name, value -> HTML? in
      value.map { "<div><dt>\(name)</dt><dd>\($0)</dd></div>" }
    }
    return "<dl class=\"facts\">\(HTML(items))</dl>"
  }

  /// A command or a statement, with a button that copies it where scripts run.
  static func command(_ text: String) -> HTML {
    """
    <div class="command"><code tabindex="0">\(text)</code><button type="button" class="copy">copy</button></div>
    """
  }

  /// A table that may be wider than the window; it then scrolls by itself.
  static func table(_ title: String, heads: [String], rows: [[HTML]]) -> HTML {
    let head = HTML(heads.map { "<th scope=\"col\">\($0)</th>" })
    let body = HTML(rows.map { row in "<tr>\(HTML(row.map { "<td>\($0)</td>" }))</tr>" })
    return """
      <div class="scroll" tabindex="0" role="region" aria-label="\(title)"><table><thead><tr>\(head)</tr></thead>\
      <tbody>\(body)</tbody></table></div>
      """
  }

  /// A section with its heading.
  static func section(_ id: String, _ title: String, _ body: HTML) -> HTML {
    "<section aria-labelledby=\"\(id)-title\" id=\"\(id)\"><h2 id=\"\(id)-title\">\(title)</h2>\(body)</section>"
  }

  /// A mark with a state. Colour only repeats the word.
  static func tag(_ word: String, _ look: Look) -> HTML {
    "<span class=\"tag \(look.rawValue)\">\(word)</span>"
  }

  /// How something looks.
  enum Look: String {
    case good, wait, bad, quiet
  }
}
