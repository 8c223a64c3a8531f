// SPDX-License-Identifier: Apache-2.0
// A transport to a real server, whose credentials change while it is used: a client certificate is
// renewed long before it ends. Thread-safe.
#ifndef BERTH_CLIENT_RENEWABLE_TRANSPORT_H_
#define BERTH_CLIENT_RENEWABLE_TRANSPORT_H_

#include <functional>
#include <memory>
#include <string>

#include "client/transport.h"

namespace berth::client {

class RenewableTransport : public Transport {
 public:
  // From now on the client is known by these: kept connections are closed, streams end with
  // Unavailable, and calls that run are the last ones of their connections.
  virtual absl::Status ReloadTls(const http::TlsClientOptions& tls) = 0;
};

// As MakeHttpTransport().
std::unique_ptr<RenewableTransport> MakeRenewableTransport(std::unique_ptr<http::Client> client,
                                                           std::function<std::string()> token = {});

}  // namespace berth::client

#endif  // BERTH_CLIENT_RENEWABLE_TRANSPORT_H_
