// SPDX-License-Identifier: Apache-2.0
#include "netproxy/node_network.h"

#include <algorithm>
#include <set>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"

namespace berth::netproxy {
namespace {

namespace core = api::core::v1;

bool IsPrimary(const std::vector<std::string>& addresses) {
  return addresses.empty() || (addresses.size() == 1 && addresses[0] == "primary");
}

std::vector<IpAddress> PrimaryAddresses(const core::Node& node) {
  std::vector<IpAddress> out;
  for (const auto& address : node.status().addresses()) {
    if (address.type() != "InternalIP") continue;
    const auto ip = IpAddress::Parse(address.address());
    if (!ip.has_value()) continue;
    const bool have_family = std::any_of(out.begin(), out.end(), [&](const IpAddress& other) {
      return other.is_v6() == ip->is_v6();
    });
    if (!have_family) out.push_back(*ip);
  }
  return out;
}

std::vector<IpAddress> MatchingAddresses(const std::vector<std::string>& prefixes,
                                         const std::vector<kernel::InterfaceAddress>& local) {
  std::set<IpAddress> out;
  for (const std::string& text : prefixes) {
    const auto prefix = IpPrefix::Parse(text);
    if (!prefix.has_value()) continue;
    for (const auto& address : local) {
      if (address.global && prefix->Contains(address.address)) out.insert(address.address);
    }
  }
  return {out.begin(), out.end()};
}

}  // namespace

NodeNetwork ReadNodeNetwork(const core::Node& node,
                            const std::vector<std::string>& node_port_addresses,
                            const std::vector<kernel::InterfaceAddress>& local,
                            bool masquerade_pod_egress) {
  NodeNetwork out;
  out.context.name = node.metadata().name();
  const auto& labels = node.metadata().labels();
  const auto zone = labels.find("topology.kubernetes.io/zone");
  if (zone != labels.end()) out.context.zone = zone->second;
  out.context.node_ips = IsPrimary(node_port_addresses)
                             ? PrimaryAddresses(node)
                             : MatchingAddresses(node_port_addresses, local);
  if (!masquerade_pod_egress) return out;
  for (const auto& text : node.spec().pod_cidrs()) {
    if (const auto prefix = IpPrefix::Parse(text)) out.pod_cidrs.push_back(*prefix);
  }
  if (out.pod_cidrs.empty()) {
    if (const auto prefix = IpPrefix::Parse(node.spec().pod_cidr())) {
      out.pod_cidrs.push_back(*prefix);
    }
  }
  return out;
}

bool NodeEligible(const core::Node& node) {
  if (node.metadata().has_deletion_timestamp()) return false;
  const auto& taints = node.spec().taints();
  return std::none_of(taints.begin(), taints.end(), [](const core::Taint& taint) {
    return taint.key() == "ToBeDeletedByClusterAutoscaler";
  });
}

}  // namespace berth::netproxy
