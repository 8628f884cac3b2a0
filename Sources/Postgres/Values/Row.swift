/// One row of a result.
///
/// Each type has two getters: one for a value that must be there, one with `optional` in its name
/// for a value that may be null. They throw `unexpectedResult`, naming the column but never showing
/// its value, if there is no such column, if it is of another type, or null where it must not be.
public struct Row: Sendable {
  let storage: ResultStorage
  let columns: [Rows.ColumnDescription]
  let index: Int

  /// Whether the value is null.
  public func isNull(_ column: Column) throws(PostgresError) -> Bool {
    let (place, _) = try find(column)
    return unsafe storage.handle.withBytes(row: index, column: place) { unsafe $0 == nil }
  }

  func find(_ column: Column) throws(PostgresError) -> (place: Int, type: UInt32) {
    let place =
      switch column {
      case .name(let name): columns.firstIndex { $0.name == name }
      case .index(let index): columns.indices.contains(index) ? index : nil
      }
    guard let place else {
      throw PostgresError(.unexpectedResult, "there is no column \(column.label)")
    }
    return (place, columns[place].type)
  }

  /// Decodes a value by the column's type.
  /// - Parameter decode: Answers nil if it has no way to read bytes of that type.
  func optional<Value>(
    _ column: Column,
    as wanted: StaticString,
    _ decode: (_ type: UInt32, UnsafeRawBufferPointer) -> Value?
  ) throws(PostgresError) -> Value? {
    let (place, type) = try find(column)
    let (isNull, value) = unsafe storage.handle.withBytes(row: index, column: place) { bytes in
      guard let bytes = unsafe bytes else { return (true, Value?.none) }
      return (false, unsafe decode(type, bytes))
    }
    if isNull { return nil }
    guard let value else {
      throw PostgresError(
        .unexpectedResult,
        "column \(column.label) of type \(type) cannot be read as \(wanted)"
      )
    }
    return value
  }

  func required<Value>(_ column: Column, _ value: Value?) throws(PostgresError) -> Value {
    guard let value else {
      throw PostgresError(.unexpectedResult, "column \(column.label) is null")
    }
    return value
  }
}
