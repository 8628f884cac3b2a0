extension LocalPostgres {
  /// What kind of server it is to be.
  public struct Options: Sendable {
    /// What a crash of the machine may cost.
    public enum Durability: Sendable {
      /// Everything is synced to disk, as in production: for a benchmark.
      case durable
      /// Nothing is synced: for tests.
      case fast
    }

    /// A server certificate and its key, as PEM files. The server gets copies.
    public struct TLS: Sendable {
      /// The path of the certificate.
      public var certificate: String
      /// The path of its private key.
      public var key: String

      /// A certificate and its key, by path.
      public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
      }
    }

    /// What a crash of the machine may cost.
    public var durability: Durability = .fast
    /// More lines for postgresql.conf; they win over the ones written here.
    public var configuration: [String] = []
    /// The certificate, if the server is to speak TLS.
    public var tls: TLS?
    /// Where the server's own directory is made. Short: a socket's path has at most 107 bytes.
    public var parentDirectory = "/tmp"
    /// The longest wait for initdb, and then again for the server to come up.
    public var deadline: Duration = .seconds(60)

    /// A fast server without TLS.
    public init() {}
  }

  /// How to stop.
  public enum StopMode: Sendable {
    /// Waits for the clients to leave.
    case smart
    /// Throws the clients out and shuts down cleanly.
    case fast
    /// Ends at once, as in a crash; the next start recovers.
    case immediate
    /// Kills the postmaster with SIGKILL; the next start recovers.
    case killed
  }

  /// A way to reach the server.
  public enum Transport: Sendable {
    /// The socket in the server's private directory, without a password.
    case socket
    /// Loopback TCP, with a password made for this server.
    case tcp
  }
}
