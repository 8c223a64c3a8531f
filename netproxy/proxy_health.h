// SPDX-License-Identifier: Apache-2.0
// Whether the proxy keeps up, as load balancers ask: GET /healthz (and /livez) on port 10256.
// Unhealthy: a change has waited for longer than twice the sync period, or, for /healthz only, the
// node is about to go. Thread-safe.
#ifndef BERTH_NETPROXY_PROXY_HEALTH_H_
#define BERTH_NETPROXY_PROXY_HEALTH_H_

#include <functional>
#include <optional>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "http/server.h"

namespace berth::netproxy {

class ProxyHealth {
 public:
  ProxyHealth(base::Clock& clock, absl::Duration sync_period)
      : clock_(clock), sync_period_(sync_period) {}

  void Queued();   // a change waits
  void Updated();  // all changes until now are in the kernel
  void SetNodeEligible(bool eligible);

  bool Healthy() const;
  http::Response Answer(std::string_view path) const;
  http::Handler Handler();  // outlived by this

 private:
  base::Clock& clock_;
  const absl::Duration sync_period_;
  mutable base::Mutex mu_;
  std::optional<absl::Time> queued_ BERTH_GUARDED_BY(mu_);  // the oldest that waits
  std::optional<absl::Time> updated_ BERTH_GUARDED_BY(mu_);
  bool eligible_ BERTH_GUARDED_BY(mu_) = true;
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_PROXY_HEALTH_H_
