import Postgres
import Provisioning

extension Parameter {
  /// Codes as one array a column: ids, codes, statuses, sync states, external ids, times.
  static func columns(of codes: [IssuedCode]) -> [Parameter] {
    [
      .uuids(codes.map(\.id.id.bits)), .texts(codes.map(\.code)), .texts(codes.map(\.status)),
      .texts(codes.map(\.syncStatus.rawValue)), .jsonbs(utf8: codes.map(\.externalIDs)),
      .timestamps(codes.map(\.createdAt)), .timestamps(codes.map(\.expiresAt)),
      .timestamps(codes.map(\.updatedAt)),
    ]
  }

  private static func timestamps(_ values: [Timestamp?]) -> Parameter {
    .timestamptzs(microsecondsSinceUnixEpoch: values.map { $0?.microseconds })
  }
}
