// SPDX-License-Identifier: Apache-2.0
#include "netproxy/service_frontends.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"

namespace berth::netproxy {
namespace {

namespace core = api::core::v1;

constexpr char kProxyNameLabel[] = "service.kubernetes.io/service-proxy-name";
constexpr char kHeadlessLabel[] = "service.kubernetes.io/headless";
constexpr uint32_t kDefaultAffinitySeconds = 10'800;

std::optional<Protocol> ParseProtocol(std::string_view name) {
  if (name.empty() || name == "TCP") return Protocol::kTcp;
  if (name == "UDP") return Protocol::kUdp;
  if (name == "SCTP") return Protocol::kSctp;
  return std::nullopt;
}

uint32_t AffinitySeconds(const core::ServiceSpec& spec) {
  if (spec.session_affinity() != "ClientIP") return 0;
  const auto& config = spec.session_affinity_config().client_ip();
  if (config.has_timeout_seconds() && config.timeout_seconds() > 0) {
    return static_cast<uint32_t>(config.timeout_seconds());
  }
  return kDefaultAffinitySeconds;
}

// Ranges of one family that do not overlap: the kernel refuses those that do.
std::vector<IpPrefix> SourceRanges(const core::ServiceSpec& spec, bool six, const NodeContext& node,
                                   const IpAddress& balancer) {
  std::vector<IpPrefix> parsed;
  for (const auto& text : spec.load_balancer_source_ranges()) {
    const auto prefix = IpPrefix::Parse(text);
    if (prefix.has_value() && prefix->address.is_v6() == six) parsed.push_back(*prefix);
  }
  if (parsed.empty()) return parsed;
  const bool from_node =
      std::any_of(node.node_ips.begin(), node.node_ips.end(), [&](const IpAddress& ip) {
        return std::any_of(parsed.begin(), parsed.end(),
                           [&](const IpPrefix& p) { return p.Contains(ip); });
      });
  // A process of the node that connects to the balancer's address may have it as its own.
  if (from_node) parsed.push_back({balancer, static_cast<int>(balancer.bytes().size()) * 8});
  std::sort(parsed.begin(), parsed.end(), [](const IpPrefix& a, const IpPrefix& b) {
    return std::pair(a.length, a.address) < std::pair(b.length, b.address);
  });
  std::vector<IpPrefix> out;
  for (const IpPrefix& prefix : parsed) {
    const bool covered = std::any_of(out.begin(), out.end(), [&](const IpPrefix& wider) {
      return wider.Contains(prefix.address);
    });
    if (!covered) out.push_back(prefix);
  }
  return out;
}

// The frontends of one service port, which share protocol, policy and endpoints.
class PortFrontends {
 public:
  PortFrontends(const core::Service& service, const core::ServicePort& port, Protocol protocol,
                const Slices& slices, const NodeContext& node, bool six)
      : spec_(service.spec()), port_(port), protocol_(protocol), node_(node), six_(six) {
    const auto all = CollectEndpoints(slices, six, port.name(),
                                      port.protocol().empty() ? "TCP" : port.protocol(), node.name);
    cluster_ = SelectClusterEndpoints(all, node);
    local_ = SelectLocalEndpoints(all);
  }

  void AddExternal(std::vector<Frontend>& out, const core::Service& service) {
    const auto number = static_cast<uint16_t>(port_.port());
    if (spec_.type() == "LoadBalancer") {
      for (const auto& ingress : service.status().load_balancer().ingress()) {
        if (ingress.ip_mode() == "Proxy") continue;  // the balancer itself wants the traffic
        const auto ip = Parse(ingress.ip());
        if (!ip.has_value()) continue;
        Frontend frontend = External(*ip, number);
        frontend.source_ranges = SourceRanges(spec_, six_, node_, *ip);
        frontend.restricted = !frontend.source_ranges.empty();
        out.push_back(std::move(frontend));
      }
    }
    for (const auto& text : spec_.external_ips()) {
      if (const auto ip = Parse(text)) out.push_back(External(*ip, number));
    }
    const bool node_port = spec_.type() == "NodePort" || spec_.type() == "LoadBalancer";
    if (!node_port || port_.node_port() <= 0 || port_.node_port() > 65535) return;
    for (const IpAddress& ip : node_.node_ips) {
      if (ip.is_v6() != six_) continue;
      out.push_back(External(ip, static_cast<uint16_t>(port_.node_port())));
    }
  }

  void AddClusterIps(std::vector<Frontend>& out) {
    std::vector<std::string> ips(spec_.cluster_ips().begin(), spec_.cluster_ips().end());
    if (ips.empty()) ips.push_back(spec_.cluster_ip());
    for (const auto& text : ips) {
      const auto ip = Parse(text);
      if (!ip.has_value()) continue;
      Frontend frontend;
      frontend.key = {*ip, protocol_, static_cast<uint16_t>(port_.port())};
      const bool local = spec_.internal_traffic_policy() == "Local";
      frontend.endpoints = local ? local_ : cluster_;
      frontend.drop_when_empty = local && local_.empty() && !cluster_.empty();
      frontend.affinity_seconds = AffinitySeconds(spec_);
      out.push_back(std::move(frontend));
    }
  }

 private:
  std::optional<IpAddress> Parse(std::string_view text) const {
    const auto ip = IpAddress::Parse(text);
    return ip.has_value() && ip->is_v6() == six_ ? ip : std::nullopt;
  }

  Frontend External(const IpAddress& ip, uint16_t number) const {
    Frontend frontend;
    frontend.key = {ip, protocol_, number};
    frontend.external = true;
    frontend.endpoints = cluster_;
    frontend.affinity_seconds = AffinitySeconds(spec_);
    if (spec_.external_traffic_policy() == "Local") {
      frontend.local_policy = true;
      frontend.local_endpoints = local_;
    }
    return frontend;
  }

  const core::ServiceSpec& spec_;
  const core::ServicePort& port_;
  const Protocol protocol_;
  const NodeContext& node_;
  const bool six_;
  std::vector<Endpoint> cluster_;
  std::vector<Endpoint> local_;
};

}  // namespace

bool IsProxied(const core::Service& service) {
  const auto& labels = service.metadata().labels();
  if (labels.contains(kProxyNameLabel) || labels.contains(kHeadlessLabel)) return false;
  const auto& spec = service.spec();
  return spec.type() != "ExternalName" && !spec.cluster_ip().empty() && spec.cluster_ip() != "None";
}

std::vector<Frontend> BuildFrontends(const core::Service& service, const Slices& slices,
                                     const NodeContext& node, bool six) {
  std::vector<Frontend> out;
  if (!IsProxied(service)) return out;
  for (const auto& port : service.spec().ports()) {
    const auto protocol = ParseProtocol(port.protocol());
    if (!protocol.has_value() || port.port() <= 0 || port.port() > 65535) continue;
    PortFrontends frontends(service, port, *protocol, slices, node, six);
    frontends.AddClusterIps(out);
    frontends.AddExternal(out, service);
  }
  return out;
}

int CountLocalEndpoints(const Slices& slices, std::string_view node_name) {
  std::set<std::string> addresses;
  for (const auto& slice : slices) {
    for (const auto& endpoint : slice->endpoints()) {
      const auto& conditions = endpoint.conditions();
      const bool ready = !conditions.has_ready() || conditions.ready();
      if (!ready || endpoint.node_name() != node_name) continue;
      if (!endpoint.addresses().empty()) addresses.insert(endpoint.addresses(0));
    }
  }
  return static_cast<int>(addresses.size());
}

}  // namespace berth::netproxy
