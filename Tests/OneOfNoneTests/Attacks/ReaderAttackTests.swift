import Attack
import NIOHTTP1
import Provisioning
import Testing

@testable import OneOfNone

@Suite("Attacks: what reads texts of the API")
struct ReaderAttackTests {
  private static let json = [
    Sample.answerText(Sample.codeText(id: 1), "null", Sample.codeText(id: 2)),
    "{\"data\":[\(Sample.codeText(externalIDs: #"{"shopify":{"syncStatus":"error","n":-1.5e+3}}"#))]}",
    #"{"message":"No reward \u00e9 \ud83d\ude00","code":"not_found","details":{"a":[1,{}]}}"#,
    #"[true,false,null,1e5,"\u0041\\\/\b",{"a":{}}]"#,
  ]
  private static let words = [
    "{", "}", "[", "]", "\"", "\\", "\\u", "\\ud800", ":", ",", "null", "true", "1e999", "-0",
    "\"id\":", "\"code\":null,", "\"codes\":[", "\"data\":[", "\"rewardId\":", "\u{FEFF}", "\0",
    "00000000-0000-0000-0000-000000000001", "\"createdAt\":\"9999-12-31T23:59:60Z\"",
  ]

  /// No reading takes more than this for 200,000 bytes: a debug build on a busy machine takes a tenth.
  private static let most = 3.0

  @Test("JSON: a text is whole or refused, and its work is linear")
  func json() async {
    let findings = await Attack("JSON reader", corpus: Self.json, dictionary: Self.words).run {
      bytes in
      let (isRepeatable, seconds) = Attack.seconds { isWhole(bytes) == isWhole(bytes) }
      if seconds > Self.most { return "takes \(seconds) s" }
      if !isRepeatable { return "read once so and once otherwise" }
      // What is whole is no longer so with anything behind it.
      return isWhole(bytes) && isWhole(bytes + Array("1 1".utf8)) ? "the end is not seen" : nil
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  private func isWhole(_ bytes: [UInt8]) -> Bool {
    let read: Void? = try? JSONReader.read(bytes) { (json) throws(JSONFailure) in
      try json.skip()
      try json.end()
    }
    return read != nil
  }

  @Test("answers: no code that the text does not have, and no neighbour is lost to a bad item")
  func answers() async {
    let good = Sample.codeText(id: 77, code: "WITNESS")
    let findings = await Attack("answer decoder", corpus: Self.json, dictionary: Self.words).run {
      bytes in
      let (answer, seconds) = Attack.seconds { try? AnswerDecoder.decode(bytes) }
      if seconds > Self.most { return "takes \(seconds) s" }
      let text = String(decoding: bytes, as: UTF8.self).lowercased()
      let invented = answer?.codes.contains { code in
        // An escaped id is not in the text as it is.
        !text.contains("\(code.id)") && !text.contains("\\u")
      }
      if invented == true { return "a code that is not in the answer" }
      // The same as one item between two good ones: if the whole is JSON, both are read.
      guard isWhole(bytes) else { return nil }
      let item = Array("{\"codes\":[\(good),".utf8) + bytes.withoutMark + Array(",\(good)]}".utf8)
      let around = try? AnswerDecoder.decode(item)
      return around?.codes.filter { $0.code == "WITNESS" }.count == 2 ? nil : "neighbours are lost"
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  @Test("headers: a pause is between nothing and its bound, and its work is linear")
  func headers() async {
    let corpus = [
      "retry-after: 3\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT",
      "retry-after: Sunday, 06-Nov-94 08:49:37 GMT\r\nretry-after: 2.0, 3",
      "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1735787045",
      "ratelimit: \"burst\";r=0;t=7, \"day\";r=10;t=700\r\nratelimit-policy: \"burst\";q=10;w=60",
      "ratelimit: limit=10, remaining=0, reset=7\r\nratelimit-remaining: 1\r\nratelimit-reset: 5",
    ]
    let words = [
      ",", ";", "=", "\"", "r=0", "t=", "w=60", "9223372036854775807", "99999999999999999999", "-1",
      "1e9", ".", "0.0000001", "GMT", "retry-after: ", "ratelimit: ", "\r\n", "date: ",
      "2999-01-01T00:00:00Z",
    ]
    let findings = await Attack("pace headers", corpus: corpus, dictionary: words).run { bytes in
      var headers = HTTPHeaders()
      for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
        let parts = line.split(separator: ":", maxSplits: 1)
        // No parser of HTTP lets another name through.
        guard parts.count == 2, parts[0].utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
          continue
        }
        headers.add(name: String(parts[0]), value: String(parts[1].drop { $0 == " " }))
      }
      for status in [200, 429, 503] {
        let reply = Reply(
          status: status,
          headers: headers,
          body: [],
          receivedAt: Timestamp(microseconds: 0)
        )
        let (feedback, seconds) = Attack.seconds { Feedback.of(reply) }
        if seconds > Self.most { return "takes \(seconds) s" }
        if let pause = feedback?.pause, pause < .zero || pause > Bounds.longestPause {
          return "a pause of \(pause)"
        }
        if let ceiling = feedback?.ceiling, !(ceiling > 0 && ceiling.isFinite) {
          return "a pace of \(ceiling)"
        }
      }
      return nil
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  @Test(
    "texts: no key, nothing but known words and no control character comes through, in linear work"
  )
  func texts() async {
    let corpus = [
      "code SUMMER7Q2K exists", "'summer-x' is taken.", "key \(testKey) is wrong",
      "48213377 or ABCD-EFGH", "count must be from 1 to 500",
      "no reward 3c90c3cc-0d44-4b50-8888-8dd25736052a", "größer als 500 😀",
    ]
    let words = [
      "SUMMER", "summer", testKey, String(testKey.dropLast()), "...", "-", "\u{1B}[2J", "(hidden)",
      " 7 ", " 12",
    ]
    // No word of the list has four letters or digits in a row of these codes.
    let codes = ["summer7q2k", "48213377", "abcd", "efgh"].flatMap { code in
      (0...(code.count - 4)).map { String(code.dropFirst($0).prefix(4)) }
    }
    let findings = await Attack("known words", corpus: corpus, dictionary: words).run { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      let (shown, seconds) = Attack.seconds { Texts.public.quote(text) }
      if seconds > Self.most { return "takes \(seconds) s" }
      if shown.contains(testKey) { return "shows the key" }
      if shown.unicodeScalars.count > Bounds.messageLength { return "is too long" }
      if shown.unicodeScalars.contains(where: { $0.value < 0x20 }) {
        return "shows control characters"
      }
      if let part = codes.first(where: shown.lowercased().contains) {
        return "shows \(part) of a code"
      }
      // Every word is known by itself, or a short number, or hidden; the last one may be cut.
      var words = shown.lowercased().split { !$0.isLetter && !$0.isNumber }
      if shown.unicodeScalars.count == Bounds.messageLength { words = words.dropLast() }
      for word in words where !(word.allSatisfy(\.isNumber) && word.count <= 3) {
        if KnownWords.keep(String(word)) != word, word != "hidden" { return "shows \(word)" }
      }
      return nil
    }
    for finding in findings { Issue.record("\(finding)") }
  }

  @Test("base URLs: what is accepted goes to one host, and to this machine if it is plain http")
  func urls() async {
    let corpus = [
      "https://api.oneofnone.io", "http://127.0.0.1:8089/path", "http://[::1]:80",
      "https://a.b:443/v/w/",
      "http://localhost",
    ]
    let words = [
      "@", ":", "//", "/..", "?", "#", "\\", "%2F", "[", "]", "127.0.0.1", "evil.example", "\r\n",
      "\0",
    ]
    let findings = await Attack("base URL", corpus: corpus, dictionary: words).run { bytes in
      guard let url = try? BaseURL(String(decoding: bytes, as: UTF8.self)) else { return nil }
      if url.text.contains("@") || url.text.contains("\\") { return "has a user or a backslash" }
      if !url.text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
        return "has a strange character"
      }
      guard url.text.hasPrefix("http://") else { return nil }
      let isLocal = ["http://127.", "http://localhost", "http://[::1]"].contains {
        url.text.hasPrefix($0)
      }
      return isLocal ? nil : "sends the key in clear"
    }
    for finding in findings { Issue.record("\(finding)") }
  }
}

extension [UInt8] {
  /// Without the byte order mark that may stand in front of a text, but not of a value in it.
  fileprivate var withoutMark: [UInt8] {
    starts(with: [0xEF, 0xBB, 0xBF]) ? Array(dropFirst(3)) : self
  }
}
