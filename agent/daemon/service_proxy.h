// SPDX-License-Identifier: Apache-2.0
// kube-proxy's part of the daemon: the proxy itself, its health on :10256 and its metrics on
// :10249.
#ifndef BERTH_AGENT_DAEMON_SERVICE_PROXY_H_
#define BERTH_AGENT_DAEMON_SERVICE_PROXY_H_

#include <prometheus/registry.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "agent/config/config_file.h"
#include "base/clock.h"
#include "base/executor.h"
#include "client/informer.h"
#include "http/io_context.h"
#include "http/server.h"
#include "netproxy/proxy.h"

namespace berth::agent {

class ServiceProxy {
 public:
  // `api` may list EndpointSlices. `services` and `own_node` are started by the caller after
  // Start(). All arguments outlive this.
  ServiceProxy(client::ApiClient& api, client::Informer<api::core::v1::Service>& services,
               client::Informer<api::core::v1::Node>& own_node, http::IoContext& io,
               base::Executor& executor, base::Clock& clock);
  ~ServiceProxy();

  // Errors are those of the configuration, with its file and field, and of ports that are taken.
  absl::Status Start(const Config& config, const std::string& node_name);

 private:
  absl::Status Listen(std::unique_ptr<http::Server>& server, const std::string& address,
                      http::Handler handler);
  void Metrics(http::Exchange& exchange);

  client::Informer<api::core::v1::Service>& services_;
  client::Informer<api::core::v1::Node>& own_node_;
  const std::unique_ptr<client::Informer<api::discovery::v1::EndpointSlice>> slices_;
  http::IoContext& io_;
  base::Executor& executor_;
  base::Clock& clock_;
  prometheus::Registry registry_;
  netproxy::ProxyMetrics metrics_{registry_};
  netproxy::HealthCheckPorts health_checks_{io_, executor_, "0.0.0.0"};
  std::unique_ptr<netproxy::Proxy> proxy_;
  std::unique_ptr<http::Server> health_server_, metrics_server_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_DAEMON_SERVICE_PROXY_H_
