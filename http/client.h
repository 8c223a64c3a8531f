// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 client for one server: kept-alive connections, blocking calls with a deadline,
// streamed answers, upgrades. Thread-safe.
#ifndef BERTH_HTTP_CLIENT_H_
#define BERTH_HTTP_CLIENT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "http/io_context.h"
#include "http/message.h"
#include "http/tls.h"
#include "http/tunnel.h"

namespace berth::http {

struct ClientOptions {
  std::string host;  // name or address of the server; for "unix" the path of a socket
  int port = 443;
  std::optional<TlsClientOptions> tls;  // nothing: plain HTTP
  size_t max_idle_connections = 8;
  absl::Duration idle_timeout = absl::Seconds(90);
  absl::Duration connect_timeout = absl::Seconds(10);
};

// Called on an io thread, in order, never after `done`; they must not block.
struct StreamCallbacks {
  std::function<void(int status, const Headers& headers)> head;
  std::function<void(std::string_view data)> data;
  // Once. OK at the regular end of the body; Unavailable when the connection broke; Cancelled.
  std::function<void(absl::Status status)> done;
};

// A running streamed call. Destroying it cancels; afterwards no callback runs any more.
class Stream {
 public:
  virtual ~Stream() = default;
  // While paused nothing more is read from the server, so TCP holds it back. What has been read
  // already still comes.
  virtual void SetPaused(bool) {}
};

class Client {
 public:
  virtual ~Client() = default;
  // The whole answer, whatever its status code. Errors: Unavailable (connect, broken connection),
  // DeadlineExceeded. A request on a kept connection that the server had closed is sent again on
  // a new one when nothing of an answer came.
  virtual absl::StatusOr<Response> Do(const Request& request, absl::Duration timeout) = 0;
  // `idle` ends the stream with Unavailable when no byte came for so long (infinite: never).
  virtual std::unique_ptr<Stream> DoStream(const Request& request, StreamCallbacks callbacks,
                                           absl::Duration idle) = 0;
  struct Upgraded {
    Headers headers;
    std::unique_ptr<Tunnel> tunnel;
  };
  // Sends an upgrade request and waits for 101. Another status is FailedPrecondition whose message
  // is the answer's body, with the code in `status`.
  virtual absl::StatusOr<Upgraded> Upgrade(const Request& request, absl::Duration timeout,
                                           int* status = nullptr) = 0;
  // Closes kept connections, for instance after a change of credentials.
  virtual void CloseIdle() = 0;
  virtual absl::Status ReloadTls(const TlsClientOptions& tls) = 0;
};

absl::StatusOr<std::unique_ptr<Client>> MakeClient(IoContext& io, ClientOptions options);

}  // namespace berth::http

#endif  // BERTH_HTTP_CLIENT_H_
