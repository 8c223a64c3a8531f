// SPDX-License-Identifier: Apache-2.0
// Raw bytes both ways, after an HTTP upgrade.
#ifndef BERTH_HTTP_TUNNEL_H_
#define BERTH_HTTP_TUNNEL_H_

#include <memory>
#include <string>

namespace berth::http {

// One end of an upgraded connection. Destroying it closes the connection.
class Tunnel {
 public:
  virtual ~Tunnel() = default;
};

// Copies bytes between the two until both directions have ended or the client fails, then closes
// both. What a server has said before it failed still reaches the client.
// Half-close is passed on, and the other direction goes on while bytes come, at most 10 s without.
// Reading stops while the other side cannot take more. Returns at once: the copying runs on the io
// threads of the tunnels, which must belong to one IoContext.
void Splice(std::unique_ptr<Tunnel> client, std::unique_ptr<Tunnel> server);

}  // namespace berth::http

#endif  // BERTH_HTTP_TUNNEL_H_
