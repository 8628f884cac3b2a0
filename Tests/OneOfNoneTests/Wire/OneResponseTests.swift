import NIOCore
import Provisioning
import Synchronization
import Testing

@testable import OneOfNone

@Suite("One response for each request")
struct OneResponseTests {
  private static let first = Sample.created
  private static let second = Sample.http("201 Created", Sample.answerText(Sample.codeText(id: 2)))

  private func ids(_ report: CallReport) -> [UInt128] {
    guard case .issued(let answer) = report.outcome else { return [] }
    return answer.codes.map(\.id.id.bits)
  }

  @Test(
    "rule 4: bytes behind a response are never the beginning of the next one",
    arguments: [1, 2, 17, 40, 200, first.utf8.count]
  )
  func behind(length: Int) async throws {
    let connections = Mutex<[ObjectIdentifier]>([])
    let wire = try await trial { peer, moment in
      guard case .body(let number) = moment else { return }
      connections.withLock { $0.append(ObjectIdentifier(peer.channel)) }
      if number == 1 {
        peer.send(Self.first + Self.first.prefix(length))
      } else {
        // The rest of the doubled response, if this is still the same connection.
        let isKept = connections.withLock { $0.first == $0.last }
        peer.send((isKept ? String(Self.first.dropFirst(length)) : "") + Self.second)
      }
    } _: { client in
      #expect(ids(await client.generate()) == [1])
      #expect(ids(await client.generate()) == [2])
    }
    #expect(wire.posts == 2)
    #expect(connections.withLock { Set($0).count } == 2)
  }

  @Test("rule 4: bytes on an idle connection close it", arguments: [1, 40, first.utf8.count])
  func idle(length: Int) async throws {
    let kept = Mutex<Peer?>(nil)
    let wire = try await trial { peer, moment in
      guard case .body(let number) = moment else { return }
      kept.withLock { if $0 == nil { $0 = peer } }
      peer.send(number == 1 ? Self.first : Self.second)
    } _: { client in
      #expect(ids(await client.generate()) == [1])
      let peer = try #require(kept.withLock { $0 })
      peer.send(String(Self.first.prefix(length)))
      // Only the client can close it.
      try await peer.channel.closeFuture.get()
      // The client may learn of the end a moment later. What it hands to the dead connection is not sent.
      var issued = ids(await client.generate())
      if issued != [2] { issued = ids(await client.generate()) }
      #expect(issued == [2])
    }
    #expect(wire.posts == 2)
  }

  @Test("rule 4: a refusal that comes twice is not taken for the answer to the next request")
  func doubledRefusal() async throws {
    let refusal = Sample.http("422 Unprocessable Entity", #"{"message":"no","code":"no"}"#)
    let connections = Mutex<Set<ObjectIdentifier>>([])
    let wire = try await trial { peer, moment in
      let isNew = connections.withLock { $0.insert(ObjectIdentifier(peer.channel)).inserted }
      switch moment {
      // The late duplicate arrives after the head of the next request has left.
      case .head(2) where !isNew: peer.send(refusal)
      case .body(1): peer.send(refusal)
      case .body: peer.send(Self.second)
      case .head: break
      }
    } _: { client in
      guard case .rejected = await client.generate().outcome else {
        Issue.record("not refused")
        return
      }
      #expect(ids(await client.generate()) == [2])
    }
    #expect(wire.posts == 2)
  }
}
