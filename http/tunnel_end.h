// SPDX-License-Identifier: Apache-2.0
// Inside http/: what a Tunnel is made of.
#ifndef BERTH_HTTP_TUNNEL_END_H_
#define BERTH_HTTP_TUNNEL_END_H_

#include <memory>
#include <string>

#include "absl/functional/any_invocable.h"
#include "http/byte_stream.h"
#include "http/loop.h"
#include "http/tunnel.h"

namespace berth::http {

// An upgraded connection on its loop.
struct TunnelEnd {
  std::shared_ptr<Loop> loop;
  std::unique_ptr<ByteStream> stream;
  std::string received;  // came behind the upgrade's head
  std::string to_send;   // still to go out: the 101 head
};

// Filled in on the loop by a task that was posted before the tunnel is given away, so that tasks
// posted later find it complete.
class StreamTunnel : public Tunnel {
 public:
  explicit StreamTunnel(std::shared_ptr<TunnelEnd> end) : end_(std::move(end)) {}
  ~StreamTunnel() override;
  std::shared_ptr<TunnelEnd> Take() { return std::move(end_); }

 private:
  std::shared_ptr<TunnelEnd> end_;
};

// Brings both ends to the loop of `a` and calls `task` there. `b` may be absent. When one of the
// connections has gone the other is closed and `task` does not run.
using PairTask =
    absl::AnyInvocable<void(std::shared_ptr<TunnelEnd> a, std::shared_ptr<TunnelEnd> b)>;
void OnOneLoop(std::unique_ptr<Tunnel> a, std::unique_ptr<Tunnel> b, PairTask task);

}  // namespace berth::http

#endif  // BERTH_HTTP_TUNNEL_END_H_
