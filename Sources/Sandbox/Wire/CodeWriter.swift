internal import NIOCore

/// Writes codes as the API's `RewardCode` objects.
struct CodeWriter: Sendable {
  let derivation: CodeDerivation
  let look: Look

  init(derivation: CodeDerivation, look: Look = Look()) {
    self.derivation = derivation
    self.look = look
  }

  /// Enough bytes for one object: its fixed text, and what can be long in it. Another case can take
  /// three times as many bytes.
  private func bound(prefix: [UInt8]) -> Int {
    let code = (look.texts == .same ? 1 : 3) * prefix.count + derivation.text.length
    return 1024 + code + (400 + code) * derivation.outlook.systems.count
  }

  /// What one object takes as a rule; reserving for it avoids most growing.
  func usualSize(of count: Int) -> Int {
    count * (420 + 240 * derivation.outlook.systems.count) + 256
  }

  /// Writes the codes of a run, with commas between them and one before the first if it is not `first`.
  func write(
    _ run: Page.Run,
    of reward: UUIDBits,
    calls: [SyncCall],
    at moment: UInt64,
    first: Bool,
    blemish: Blemish = [],
    into buffer: inout ByteBuffer
  ) {
    let frame = Frame(run, reward: reward, calls: calls, moment: moment, times: look.times)
    let bound = bound(prefix: run.prefix.escaped)
    for position in 0..<run.count {
      buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { memory in
        var pen = Pen(memory)
        if position > 0 || !first { pen.write(byte: UInt8(ascii: ",")) }
        write(run.number(at: position), frame, blemish, with: &pen)
        return pen.written
      }
    }
  }

  /// What the codes of one run have in common.
  private struct Frame {
    let run: Page.Run
    let reward: [UInt8]
    let createdAt: [UInt8]
    let rewardNumber: [UInt8]
    let calls: [SyncCall]
    let moment: UInt64
    let times: TimeForm

    init(
      _ run: Page.Run,
      reward: UUIDBits,
      calls: [SyncCall],
      moment: UInt64,
      times: TimeForm
    ) {
      self.run = run
      self.reward = Array(reward.description.utf8)
      self.createdAt = Array(Timestamp.text(run.batch.createdAt, as: times).utf8)
      self.rewardNumber = Array(String(reward.low % 10_000_000_000_000).utf8)
      self.calls = calls
      self.moment = moment
      self.times = times
    }

    /// Writes the moment that many nanoseconds after the codes' birth, in the API's time.
    func write(after nanoseconds: UInt64, with pen: inout Pen) {
      guard nanoseconds > 0 else { return pen.write(createdAt) }
      pen.write(run.batch.createdAt + Int64(nanoseconds / 1000), as: times)
    }
  }

  private func write(
    _ number: UInt64,
    _ frame: Frame,
    _ blemish: Blemish,
    with pen: inout Pen
  ) {
    pen.write("{\"id\":\"")
    pen.write(derivation.id(of: number))
    pen.write("\",\"rewardId\":\"")
    pen.write(frame.reward)
    pen.write("\",\"code\":\"")
    writeText(of: number, frame, with: &pen)
    if blemish.contains(.nulInCode) { pen.write("\\u0000") }
    let (status, claimed) = derivation.status(
      of: number,
      born: frame.run.batch.born,
      at: frame.moment
    )
    write(status, blemish, with: &pen)
    pen.write(",\"redeemedBy\":null,\"redeemedAt\":null,\"orderId\":null,\"externalOrderId\":null")
    if let withheld = look.createdAt {
      write(withheld, in: ",\"createdAt\":", with: &pen)
    } else {
      pen.write(",\"createdAt\":\"")
      pen.write(frame.createdAt)
      pen.write("\"")
    }
    pen.write(",\"expiresAt\":null")
    let changed = max(claimed, writeSystems(of: number, frame, blemish, with: &pen))
    if let withheld = look.updatedAt {
      write(withheld, in: ",\"updatedAt\":", with: &pen)
    } else {
      pen.write(",\"updatedAt\":\"")
      frame.write(after: changed, with: &pen)
      pen.write("\"")
    }
    pen.write("}")
  }

  private func write(_ withheld: Withholding, in field: StaticString, with pen: inout Pen) {
    guard let json = withheld.json else { return }
    pen.write(field)
    pen.write(Array(json.utf8))
  }

  /// - Returns: When the code last changed in one of them, in nanoseconds after its birth.
  private func writeSystems(
    of number: UInt64,
    _ frame: Frame,
    _ blemish: Blemish,
    with pen: inout Pen
  ) -> UInt64 {
    let isShown = look.externalIds == nil
    if let withheld = look.externalIds {
      write(withheld, in: ",\"externalIds\":", with: &pen)
    } else {
      pen.write(",\"externalIds\":{")
    }
    var changed: UInt64 = 0
    for (position, system) in derivation.outlook.systems.enumerated() {
      let (standing, since) = derivation.outlook.standing(
        of: number,
        in: system,
        born: frame.run.batch.born,
        at: frame.moment,
        calls: frame.calls
      )
      changed = max(changed, since)
      guard isShown else { continue }
      if position > 0 { pen.write(byte: UInt8(ascii: ",")) }
      write(standing, in: system, since: since, number, frame, blemish, with: &pen)
    }
    guard isShown else { return changed }
    if blemish.contains(.fields) {
      if !derivation.outlook.systems.isEmpty { pen.write(byte: UInt8(ascii: ",")) }
      pen.write("\"klaviyo\":{\"couponId\":17,\"state\":\"live\"}},\"tier\":{\"name\":\"gold\"")
    }
    pen.write("}")
    return changed
  }

  private func writeText(of number: UInt64, _ frame: Frame, with pen: inout Pen) {
    if look.texts == .same {
      pen.write(frame.run.prefix.escaped)
      derivation.text.write(number, with: &pen)
    } else {
      let text = frame.run.prefix.text + derivation.text(of: number)
      pen.write(JSONText.escaped(look.texts.shown(text)))
    }
  }

  private func write(_ status: CodeStatus, _ blemish: Blemish, with pen: inout Pen) {
    pen.write("\",\"status\":\"")
    switch status {
    case _ where blemish.contains(.values): pen.write("archived")
    case .available: pen.write("available")
    case .reserved: pen.write("reserved")
    case .redeemed: pen.write("redeemed")
    case .expired: pen.write("expired")
    case .revoked: pen.write("revoked")
    }
    pen.write("\",\"reservedFor\":")
    if blemish.contains(.nulInReservedFor) {
      pen.write("\"sandbox-customer\\u0000\"")
    } else if status == .reserved {
      pen.write("\"sandbox-customer\"")
    } else {
      pen.write("null")
    }
  }

  private func write(
    _ standing: SyncOutlook.Standing,
    in system: SyncShape.System,
    since: UInt64,
    _ number: UInt64,
    _ frame: Frame,
    _ blemish: Blemish,
    with pen: inout Pen
  ) {
    switch system {
    case .shopify: pen.write("\"shopify\":{\"discountId\":\"gid://shopify/DiscountCodeNode/")
    case .stripe: pen.write("\"stripe\":{\"discountId\":\"coupon_")
    }
    pen.write(frame.rewardNumber)
    pen.write("\",\"codeId\":")
    if standing == .synced {
      switch system {
      case .shopify: pen.write("\"gid://shopify/DiscountRedeemCode/")
      case .stripe: pen.write("\"promo_")
      }
      pen.write(1_000_000_000_000 + Int(number), digits: 13)
      pen.write(byte: UInt8(ascii: "\""))
    } else {
      pen.write("null")
    }
    pen.write(",\"syncedAt\":\"")
    frame.write(after: since, with: &pen)
    pen.write("\",\"syncStatus\":\"")
    switch standing {
    case _ where blemish.contains(.values): pen.write("queued")
    case .pending: pen.write("pending")
    case .synced: pen.write("synced")
    case .failed: pen.write("error")
    }
    pen.write("\",\"error\":")
    if blemish.contains(.nulInError) {
      pen.write("\"the system refused\\u0000\"}")
    } else if standing == .failed {
      // Such errors quote what they are about, and nobody may see the code for that.
      pen.write("\"the system has ")
      writeText(of: number, frame, with: &pen)
      pen.write(" already\"}")
    } else {
      pen.write("null}")
    }
  }
}
