public import Provisioning

/// How many codes the next call asks for: the reference for `codemint.insert_call`.
public enum CallPlan {
  /// The size of a job's next call, or nil if it needs none.
  ///
  /// Room is what is neither issued nor asked for already, so the sum of all calls can never pass
  /// the job's count, whatever their outcomes (`issued + outstanding <= count`).
  public static func nextSize(
    count: Int,
    issued: Int,
    outstanding: Int,
    largest: Int = Bounds.callSize.upperBound
  ) -> Int? {
    precondition(issued >= 0 && outstanding >= 0 && issued + outstanding <= count)
    let room = count - issued - outstanding
    return room == 0 ? nil : min(room, largest)
  }
}
