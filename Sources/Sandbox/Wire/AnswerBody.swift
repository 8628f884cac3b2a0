internal import NIOCore

/// Whole bodies of the API's answers.
struct AnswerBody: Sendable {
  let writer: CodeWriter
  private let allocator = ByteBufferAllocator()

  /// `{codes: [...]}` of the codes just made.
  func generated(_ page: Page, _ disguise: Disguise? = nil) -> ByteBuffer {
    var buffer = allocator.buffer(capacity: writer.usualSize(of: page.count))
    buffer.writeStaticString("{\"codes\":")
    write(page, disguise, into: &buffer)
    buffer.writeStaticString("}")
    return buffer
  }

  /// `{data: [...], pagination: {...}}` of a page.
  func listed(_ page: Page, _ query: ListQuery, _ disguise: Disguise? = nil) -> ByteBuffer {
    var buffer = allocator.buffer(capacity: writer.usualSize(of: page.count))
    buffer.writeStaticString("{\"data\":")
    write(page, disguise, into: &buffer)
    if let withheld = writer.look.pagination {
      if let json = withheld.json { buffer.writeString(",\"pagination\":\(json)") }
    } else {
      writePagination(
        limit: query.limit,
        offset: query.offset,
        total: page.total,
        counted: query.includeCount,
        into: &buffer
      )
    }
    buffer.writeStaticString("}")
    return buffer
  }

  /// `[...]` of a page, as it is.
  func items(_ page: Page) -> ByteBuffer {
    var buffer = allocator.buffer(capacity: writer.usualSize(of: page.count))
    write(page, nil, into: &buffer)
    return buffer
  }

  private func write(_ page: Page, _ disguise: Disguise?, into buffer: inout ByteBuffer) {
    buffer.writeStaticString("[")
    if let disguise {
      write(disguise.shown(page), into: &buffer)
      buffer.writeStaticString("]")
      if disguise.addsFields { buffer.writeStaticString(",\"notice\":{\"version\":2}") }
      return
    }
    for (position, run) in page.runs.enumerated() {
      writer.write(
        run,
        of: page.reward,
        calls: page.syncCalls,
        at: page.moment,
        first: position == 0,
        into: &buffer
      )
    }
    buffer.writeStaticString("]")
  }

  private func write(_ shown: [Disguise.Shown], into buffer: inout ByteBuffer) {
    for (position, shown) in shown.enumerated() {
      switch shown {
      case .null:
        if position > 0 { buffer.writeStaticString(",") }
        buffer.writeStaticString("null")
      case .code(let run, let page, let blemish):
        writer.write(
          run,
          of: page.reward,
          calls: page.syncCalls,
          at: page.moment,
          first: position == 0,
          blemish: blemish,
          into: &buffer
        )
      }
    }
  }

  /// One reward.
  func reward(_ reward: RewardSummary) -> ByteBuffer {
    var buffer = allocator.buffer(capacity: 512)
    write(reward, into: &buffer)
    return buffer
  }

  /// `{data: [...], pagination: {...}}` of rewards.
  func rewards(_ rewards: [RewardSummary], limit: Int, offset: Int) -> ByteBuffer {
    let shown = rewards.dropFirst(offset).prefix(limit)
    var buffer = allocator.buffer(capacity: 512 * (shown.count + 1))
    buffer.writeStaticString("{\"data\":[")
    for (position, reward) in shown.enumerated() {
      if position > 0 { buffer.writeStaticString(",") }
      write(reward, into: &buffer)
    }
    buffer.writeStaticString("]")
    writePagination(
      limit: limit,
      offset: offset,
      total: rewards.count,
      counted: true,
      into: &buffer
    )
    buffer.writeStaticString("}")
    return buffer
  }

  /// The team that the key belongs to.
  func team() -> ByteBuffer {
    allocator.buffer(
      string: "{\"id\":\"7ea00000-0000-4000-8000-000000000001\",\"name\":\"Sandbox\"}"
    )
  }

  private func write(_ reward: RewardSummary, into buffer: inout ByteBuffer) {
    let createdAt = Timestamp.text(reward.createdAt)
    let systems = writer.derivation.outlook.systems.map { system in
      "{\"system\":\"\(system.rawValue)\",\"discountId\":\"\(system.rawValue)-\(reward.id)\"}"
    }
    buffer.writeString("{\"id\":\"\(reward.id)\",\"name\":\"Reward \(reward.id)\"")
    buffer.writeString(",\"status\":\"active\",\"type\":\"discount\"")
    buffer.writeString(",\"createdAt\":\"\(createdAt)\",\"updatedAt\":\"\(createdAt)\"")
    buffer.writeString(",\"externalIds\":[\(systems.joined(separator: ","))]}")
  }

  private func writePagination(
    limit: Int,
    offset: Int,
    total: Int,
    counted: Bool,
    into buffer: inout ByteBuffer
  ) {
    let next = offset < total && limit < total - offset ? String(offset + limit) : "null"
    let previous = offset > 0 ? String(max(0, offset - limit)) : "null"
    buffer.writeString(",\"pagination\":{\"next\":\(next),\"prev\":\(previous)")
    buffer.writeString(",\"limit\":\(limit),\"offset\":\(offset)")
    if counted { buffer.writeString(",\"total_count\":\(total)") }
    buffer.writeStaticString("}")
  }
}
