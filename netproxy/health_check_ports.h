// SPDX-License-Identifier: Apache-2.0
// The health check node ports of services with externalTrafficPolicy: Local. A load balancer asks
// each node's port whether the node has endpoints of the service. Thread-safe.
#ifndef BERTH_NETPROXY_HEALTH_CHECK_PORTS_H_
#define BERTH_NETPROXY_HEALTH_CHECK_PORTS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "http/io_context.h"
#include "http/server.h"

namespace berth::netproxy {

class HealthCheckPorts {
 public:
  // Listens on `bind_address` ("0.0.0.0"). `io` and `executor` outlive this.
  HealthCheckPorts(http::IoContext& io, base::Executor& executor, std::string bind_address);
  ~HealthCheckPorts();

  // The service answers on the port from now on; port 0: on none. A port that cannot be had is an
  // error, and the next call tries again.
  absl::Status Set(std::string_view service, int port, int local_endpoints);
  // What the proxy says of itself; until then it is taken for healthy.
  void SetProxyHealthy(std::function<bool()> healthy);

  // The answer for a service: 200 with local endpoints and a healthy proxy, else 503.
  http::Response Answer(std::string_view service) const;

 private:
  struct Port {
    int number = 0;
    int local_endpoints = 0;
    std::unique_ptr<http::Server> server;
  };
  http::IoContext& io_;
  base::Executor& executor_;
  const std::string bind_address_;
  mutable base::Mutex mu_;
  std::map<std::string, Port, std::less<>> ports_ BERTH_GUARDED_BY(mu_);
  std::function<bool()> healthy_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_HEALTH_CHECK_PORTS_H_
