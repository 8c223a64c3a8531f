// SPDX-License-Identifier: Apache-2.0
// The proxy's metrics, with kube-proxy's names. Thread-safe.
#ifndef BERTH_NETPROXY_PROXY_METRICS_H_
#define BERTH_NETPROXY_PROXY_METRICS_H_

#include <memory>

#include "absl/time/time.h"

namespace prometheus {
class Registry;
}

namespace berth::netproxy {

class ProxyMetrics {
 public:
  // The registry outlives this.
  explicit ProxyMetrics(prometheus::Registry& registry);
  ~ProxyMetrics();

  void ServiceChanged();
  void EndpointsChanged();
  void Synced(absl::Duration took, bool full, int flows_deleted);
  void SyncFailed();

 private:
  struct Families;
  const std::unique_ptr<Families> families_;
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_PROXY_METRICS_H_
