// SPDX-License-Identifier: Apache-2.0
#include "netproxy/endpoint_selection.h"

#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "api/proto/discovery/v1/discovery.pb.h"

namespace berth::netproxy {
namespace {

namespace discovery = api::discovery::v1;

EndpointState Read(const discovery::Endpoint& endpoint, const IpAddress& ip, uint16_t port,
                   std::string_view node_name) {
  const auto& conditions = endpoint.conditions();
  EndpointState out;
  out.endpoint = {ip, port, !node_name.empty() && endpoint.node_name() == node_name};
  // Unknown counts as ready; serving is ready's twin that ignores termination.
  out.ready = !conditions.has_ready() || conditions.ready();
  out.serving = conditions.has_serving() ? conditions.serving() : out.ready;
  out.terminating = conditions.terminating();
  for (const auto& zone : endpoint.hints().for_zones()) out.zone_hints.push_back(zone.name());
  for (const auto& node : endpoint.hints().for_nodes()) out.node_hints.push_back(node.name());
  return out;
}

bool Has(const std::vector<std::string>& hints, const std::string& name) {
  return std::find(hints.begin(), hints.end(), name) != hints.end();
}

std::vector<Endpoint> Select(const std::vector<EndpointState>& all,
                             const std::function<bool(const EndpointState&)>& wanted) {
  std::vector<Endpoint> out;
  for (const EndpointState& state : all) {
    if (wanted(state)) out.push_back(state.endpoint);
  }
  return out;
}

enum class Hints { kNone, kNode, kZone };

// Hints count only when every ready endpoint has one and at least one of them is meant for us.
Hints UsableHints(const std::vector<EndpointState>& all, const NodeContext& node) {
  bool all_node = true, all_zone = true, for_node = false, for_zone = false;
  for (const EndpointState& state : all) {
    if (!state.ready) continue;
    all_node = all_node && !state.node_hints.empty();
    all_zone = all_zone && !state.zone_hints.empty();
    for_node = for_node || Has(state.node_hints, node.name);
    for_zone = for_zone || (!node.zone.empty() && Has(state.zone_hints, node.zone));
  }
  if (all_node && for_node) return Hints::kNode;
  if (all_zone && for_zone) return Hints::kZone;
  return Hints::kNone;
}

std::string_view ProtocolOf(const discovery::EndpointPort& port) {
  if (!port.has_protocol()) return "TCP";
  return port.protocol();
}

}  // namespace

std::vector<EndpointState> CollectEndpoints(const Slices& slices, bool six,
                                            std::string_view port_name, std::string_view protocol,
                                            std::string_view node_name) {
  std::map<std::pair<IpAddress, uint16_t>, EndpointState> merged;
  for (const auto& slice : slices) {
    if (slice->address_type() != (six ? "IPv6" : "IPv4")) continue;
    for (const auto& port : slice->ports()) {
      if (port.name() != port_name || ProtocolOf(port) != protocol) continue;
      if (port.port() <= 0 || port.port() > 65535) continue;
      const auto number = static_cast<uint16_t>(port.port());
      for (const auto& endpoint : slice->endpoints()) {
        if (endpoint.addresses().empty()) continue;
        const auto ip = IpAddress::Parse(endpoint.addresses(0));
        if (!ip.has_value() || ip->is_v6() != six) continue;
        EndpointState state = Read(endpoint, *ip, number, node_name);
        const auto [it, added] = merged.try_emplace({*ip, number}, state);
        // An address moves between slices by being in both for a moment: the better state counts.
        if (!added && state.ready && !it->second.ready) it->second = std::move(state);
      }
    }
  }
  std::vector<EndpointState> out;
  out.reserve(merged.size());
  for (auto& [address, state] : merged) out.push_back(std::move(state));
  return out;
}

std::vector<Endpoint> SelectClusterEndpoints(const std::vector<EndpointState>& all,
                                             const NodeContext& node) {
  const Hints hints = UsableHints(all, node);
  auto out = Select(all, [&](const EndpointState& s) {
    return s.ready &&
           (hints == Hints::kNone ||
            (hints == Hints::kNode ? Has(s.node_hints, node.name) : Has(s.zone_hints, node.zone)));
  });
  if (!out.empty()) return out;
  return Select(all, [](const EndpointState& s) { return s.serving && s.terminating; });
}

std::vector<Endpoint> SelectLocalEndpoints(const std::vector<EndpointState>& all) {
  auto out = Select(all, [](const EndpointState& s) { return s.endpoint.local && s.ready; });
  if (!out.empty()) return out;
  return Select(
      all, [](const EndpointState& s) { return s.endpoint.local && s.serving && s.terminating; });
}

}  // namespace berth::netproxy
