import Attack
import Postgres
import Testing

@Suite("Attacks: database URLs")
struct URLAttackTests {
  @Test("no complaint about a URL repeats a part of it")
  func urls() async {
    let corpus = [
      "postgresql://user:sesame@host:5432/db?sslmode=require", "postgres://u:ses%40ame@a:1,b:2/db",
      "host=/run user=u password='sesame' dbname=db",
      "postgresql:///db?host=/run/x&password=sesame",
      "postgresql://u:sesame@[::1]:5432/db",
    ]
    let words = [
      "@", ":", "/", "?", "#", "&", "=", "%", "%40", "%zz", "[", "]", ",", "'", "\"", " ", "\\",
      "sesame", "\n",
      "postgresql://", "port=", "sslmode=", "password=",
    ]
    let findings = await Attack("database URL", corpus: corpus, dictionary: words).run { bytes in
      let text = String(decoding: bytes, as: UTF8.self)
      do throws(PostgresError) {
        _ = try ConnectionSettings(text)
        return nil
      } catch {
        // Three letters of it are enough to try the rest.
        let parts = ["ses", "esa", "sam"]
        if parts.contains(where: "\(error) \(error.message)".contains) {
          return "shows the password"
        }
        return error.code == .invalidSettings ? nil : "is another error: \(error.code)"
      }
    }
    for finding in findings { Issue.record("\(finding)") }
  }
}
