// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/service_proxy.h"

#include <prometheus/text_serializer.h>

#include <utility>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "netproxy/host_settings.h"

namespace berth::agent {
namespace {

netproxy::ProxyOptions OptionsOf(const KubeProxyConfig& wanted, const std::string& node_name) {
  netproxy::ProxyOptions options;
  options.node_name = node_name;
  if (!wanted.cluster_cidr.empty()) {
    for (std::string_view cidr : base::Split(wanted.cluster_cidr, ',')) {
      options.cluster_cidrs.emplace_back(cidr);
    }
  }
  options.masquerade_all = wanted.nftables.masquerade_all;
  options.masquerade_bit = wanted.nftables.masquerade_bit;
  options.node_port_addresses = wanted.node_port_addresses;
  options.min_sync_period = wanted.nftables.min_sync_period;
  options.sync_period = wanted.nftables.sync_period;
  return options;
}

}  // namespace

ServiceProxy::ServiceProxy(client::ApiClient& api,
                           client::Informer<api::core::v1::Service>& services,
                           client::Informer<api::core::v1::Node>& own_node, http::IoContext& io,
                           base::Executor& executor, base::Clock& clock)
    : services_(services),
      own_node_(own_node),
      slices_(std::make_unique<client::Informer<api::discovery::v1::EndpointSlice>>(
          api, executor, clock, client::kEndpointSlices, netproxy::SliceInformerOptions())),
      io_(io),
      executor_(executor),
      clock_(clock) {}
ServiceProxy::~ServiceProxy() = default;

absl::Status ServiceProxy::Start(const Config& config, const std::string& node_name) {
  const KubeProxyConfig& wanted = config.proxy;
  if (wanted.mode != "" && wanted.mode != "nftables") {
    return FieldError(config.proxy_file, config.proxy_read, "mode",
                      base::StrCat("\"", wanted.mode, "\" is not supported; use nftables"));
  }
  netproxy::ProxyOptions options = OptionsOf(wanted, node_name);
  if (const absl::Status bad = options.Check(); !bad.ok()) {
    return base::WithContext(bad, config.proxy_file);
  }
  netproxy::HostSettings host;
  host.conntrack_max_per_core = wanted.conntrack.max_per_core;
  host.conntrack_min = wanted.conntrack.min;
  if (const absl::Status refused = netproxy::PrepareHost(host); !refused.ok()) {
    BERTH_WARNING("some kernel settings of the service proxy cannot be made here",
                  {"error", refused});
  }
  proxy_ = std::make_unique<netproxy::Proxy>(
      netproxy::ProxyInformers{services_, *slices_, own_node_}, executor_, clock_,
      std::move(options), netproxy::KernelBackends(), &metrics_);
  proxy_->UseHealthCheckPorts(health_checks_);
  RETURN_IF_ERROR(Listen(health_server_, wanted.healthz_bind_address, proxy_->HealthHandler()),
                  "healthzBindAddress");
  RETURN_IF_ERROR(Listen(metrics_server_, wanted.metrics_bind_address,
                         [this](auto exchange) { Metrics(*exchange); }),
                  "metricsBindAddress");
  slices_->Start();
  proxy_->Start();
  return absl::OkStatus();
}

absl::Status ServiceProxy::Listen(std::unique_ptr<http::Server>& server, const std::string& address,
                                  http::Handler handler) {
  if (address.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(server, http::MakeServer(io_, executor_, {}, std::move(handler)));
  return server->Listen(address).status();
}

void ServiceProxy::Metrics(http::Exchange& exchange) {
  if (exchange.request().target != "/metrics") {
    return exchange.Respond({404, {{"Content-Type", "text/plain"}}, "404 page not found\n"});
  }
  exchange.Respond({200,
                    {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                    prometheus::TextSerializer().Serialize(registry_.Collect())});
}

}  // namespace berth::agent
