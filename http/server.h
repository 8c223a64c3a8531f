// SPDX-License-Identifier: Apache-2.0
// An HTTPS (or, on loopback, HTTP) server. A handler gets an Exchange and answers it now or later,
// from any thread. Handlers run on the executor given to the server and may block.
#ifndef BERTH_HTTP_SERVER_H_
#define BERTH_HTTP_SERVER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/executor.h"
#include "http/io_context.h"
#include "http/message.h"
#include "http/tls.h"
#include "http/tunnel.h"

namespace berth::http {

// One request and its answer. Abstract, so that a caller in the same process can make one without
// a socket. Shared by the connection and whoever answers; all methods from any thread.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const Request& request() const = 0;
  virtual const std::optional<PeerCertificate>& peer() const = 0;
  virtual std::string_view remote_address() const = 0;  // "10.0.0.1:4711"

  // The whole answer. Exactly one of Respond, Start and Upgrade is called, once. When the last
  // reference goes without any, the server answers 500.
  virtual void Respond(Response response) = 0;

  // An answer in pieces (chunked), such as a watch or a log. Write queues `data` and returns false
  // when the peer has gone. A writer that cares for memory looks at queued_bytes().
  virtual void Start(int status, Headers headers) = 0;
  virtual bool Write(std::string_view data) = 0;
  virtual size_t queued_bytes() const = 0;
  // Calls back once, on any thread, when little is queued or the peer has gone; at once when that
  // is so already. For a writer who has stopped because of queued_bytes().
  virtual void WhenDrained(absl::AnyInvocable<void()> callback) { callback(); }
  virtual void Finish() = 0;

  // 101 with these headers; afterwards the bytes are the caller's. Fails when the peer has gone.
  virtual absl::StatusOr<std::unique_ptr<Tunnel>> Upgrade(Headers headers) = 0;

  // Called once, on any thread, when the peer goes before the answer is complete; at once when it
  // has gone already. Never called after Finish or Respond has been sent.
  virtual void OnDisconnect(absl::AnyInvocable<void()> callback) = 0;
};

using Handler = std::function<void(std::shared_ptr<Exchange>)>;

struct ServerOptions {
  std::optional<TlsServerOptions> tls;  // nothing: plain HTTP, for loopback only
  size_t max_body_bytes = 3 << 20;      // 413 above; what kube-apiserver allows
  size_t max_header_bytes = 64 << 10;
  absl::Duration idle_timeout = absl::Minutes(3);  // between requests of a kept connection
  absl::Duration header_timeout = absl::Seconds(30);
};

class Server {
 public:
  // Stops listening, closes connections, waits for io and for handlers that run to end; not called
  // from a handler. Requests whose handlers have not started are dropped.
  virtual ~Server() = default;
  // Accepts on "ip:port" (port 0: any free one); may be called several times.
  virtual absl::StatusOr<int> Listen(std::string_view address) = 0;  // the port
  // Accepts on a listening socket that somebody else made (LISTEN_FDS); takes ownership.
  virtual absl::Status ListenOn(int listening_fd) = 0;
  // New connections use these; a certificate that was renewed on disk.
  virtual absl::Status ReloadTls(const TlsServerOptions& tls) = 0;
};

absl::StatusOr<std::unique_ptr<Server>> MakeServer(IoContext& io, base::Executor& executor,
                                                   ServerOptions options, Handler handler);

}  // namespace berth::http

#endif  // BERTH_HTTP_SERVER_H_
