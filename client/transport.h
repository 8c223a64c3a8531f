// SPDX-License-Identifier: Apache-2.0
// How requests reach an API server: over HTTPS, or straight into a handler of the same process.
// Thread-safe.
#ifndef BERTH_CLIENT_TRANSPORT_H_
#define BERTH_CLIENT_TRANSPORT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "http/client.h"
#include "http/message.h"
#include "http/server.h"

namespace berth::client {

class Transport {
 public:
  virtual ~Transport() = default;
  virtual absl::StatusOr<http::Response> Do(const http::Request& request,
                                            absl::Duration timeout) = 0;
  // As http::Client::DoStream.
  virtual std::unique_ptr<http::Stream> DoStream(const http::Request& request,
                                                 http::StreamCallbacks callbacks,
                                                 absl::Duration idle) = 0;
};

// Adds the bearer token that `token` returns (none when "") to each request.
std::unique_ptr<Transport> MakeHttpTransport(std::unique_ptr<http::Client> client,
                                             std::function<std::string()> token = {});

// Calls `handler` on `executor`, as the user `identity`. What a controller in the API server's own
// process uses: the same code path as a remote client, without the socket. Callbacks of a stream
// run on the thread that writes the answer.
std::unique_ptr<Transport> MakeInProcessTransport(http::Handler handler, base::Executor& executor,
                                                  http::PeerCertificate identity);

}  // namespace berth::client

#endif  // BERTH_CLIENT_TRANSPORT_H_
