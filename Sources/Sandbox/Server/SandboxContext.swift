internal import Hummingbird
internal import NIOCore

/// What the server hands over beside a request: the connection, which faults reset or watch.
struct SandboxContext: InitializableFromSource {
  let channel: any Channel

  init(source: ApplicationRequestContextSource) {
    channel = source.channel
  }
}
