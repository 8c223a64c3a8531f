// SPDX-License-Identifier: Apache-2.0
#include "tests/netproxy_model/service_rules.h"

#include <algorithm>

namespace berth::tests {
namespace {

namespace core = api::core::v1;
namespace discovery = api::discovery::v1;
using kernel::IpAddress;
using kernel::IpPrefix;

std::string NameOf(uint8_t protocol) {
  return protocol == 17 ? "UDP" : protocol == 132 ? "SCTP" : "TCP";
}

struct Backends {
  std::set<Target> cluster, local;
};

bool Ready(const discovery::Endpoint& e) {
  return !e.conditions().has_ready() || e.conditions().ready();
}

// Traffic goes to the ready ones; when there are none, to those that serve until they are gone.
Backends BackendsOf(const ModelCluster& cluster, const core::Service& service,
                    const core::ServicePort& port) {
  Backends ready, draining, hinted_node, hinted_zone;
  bool all_node = true, all_zone = true;
  const auto slices = cluster.slices.find(service.metadata().name());
  if (slices == cluster.slices.end()) return {};
  for (const auto& slice : slices->second) {
    const bool six = slice->address_type() == "IPv6";
    if (six != cluster.node_ip.is_v6()) continue;
    for (const auto& slice_port : slice->ports()) {
      if (slice_port.name() != port.name() || slice_port.protocol() != port.protocol()) continue;
      for (const auto& e : slice->endpoints()) {
        const Target target{*IpAddress::Parse(e.addresses(0)),
                            static_cast<uint16_t>(slice_port.port())};
        const bool here = e.node_name() == cluster.node;
        if (Ready(e)) {
          ready.cluster.insert(target);
          if (here) ready.local.insert(target);
          all_node = all_node && e.hints().for_nodes_size() > 0;
          all_zone = all_zone && e.hints().for_zones_size() > 0;
          for (const auto& hint : e.hints().for_nodes()) {
            if (hint.name() == cluster.node) hinted_node.cluster.insert(target);
          }
          for (const auto& hint : e.hints().for_zones()) {
            if (!cluster.zone.empty() && hint.name() == cluster.zone)
              hinted_zone.cluster.insert(target);
          }
        } else if (e.conditions().serving() && e.conditions().terminating()) {
          draining.cluster.insert(target);
          if (here) draining.local.insert(target);
        }
      }
    }
  }
  Backends out = ready;
  if (all_node && !hinted_node.cluster.empty()) {
    out.cluster = hinted_node.cluster;
  } else if (all_zone && !hinted_zone.cluster.empty()) {
    out.cluster = hinted_zone.cluster;
  }
  if (out.cluster.empty()) out.cluster = draining.cluster;
  if (out.local.empty()) out.local = draining.local;
  return out;
}

bool AdmittedByRanges(const ModelCluster& cluster, const core::ServiceSpec& spec,
                      const IpAddress& source, const IpAddress& balancer) {
  bool any = false, node_in = false;
  for (const auto& text : spec.load_balancer_source_ranges()) {
    const auto range = IpPrefix::Parse(text);
    if (!range || range->address.is_v6() != source.is_v6()) continue;
    any = true;
    if (range->Contains(source)) return true;
    node_in = node_in || range->Contains(cluster.node_ip);
  }
  return !any || (node_in && source == balancer);
}

// Through which of a service's addresses the packet comes.
enum class Way { kNone, kClusterIp, kBalancer, kExternal };

Way WayTo(const ModelCluster& cluster, const core::Service& service, const core::ServicePort& port,
          const Packet& packet) {
  const auto& spec = service.spec();
  if (NameOf(packet.protocol) != port.protocol()) return Way::kNone;
  const auto is = [&](const std::string& text) {
    return IpAddress::Parse(text) == packet.destination;
  };
  if (packet.port == port.port()) {
    if (is(spec.cluster_ip())) return Way::kClusterIp;
    if (spec.type() == "LoadBalancer") {
      for (const auto& ingress : service.status().load_balancer().ingress()) {
        if (is(ingress.ip()) && ingress.ip_mode() != "Proxy") return Way::kBalancer;
      }
    }
    for (const auto& ip : spec.external_ips()) {
      if (is(ip)) return Way::kExternal;
    }
  }
  const bool open = spec.type() == "NodePort" || spec.type() == "LoadBalancer";
  if (open && packet.port == port.node_port() && packet.destination == cluster.node_ip) {
    return Way::kExternal;
  }
  return Way::kNone;
}

Expected ThroughClusterIp(const ModelCluster& cluster, const core::ServiceSpec& spec,
                          const Backends& backends, const Packet& packet) {
  Expected out;
  const bool local = spec.internal_traffic_policy() == "Local";
  out.targets = local ? backends.local : backends.cluster;
  out.masqueraded = !cluster.cluster_cidr.Contains(packet.source);
  if (out.targets.empty()) {
    out.fate = local && !backends.cluster.empty() ? Fate::kDropped : Fate::kRejected;
  }
  return out;
}

Expected FromOutside(const ModelCluster& cluster, const core::ServiceSpec& spec,
                     const Backends& backends, const Packet& packet) {
  Expected out;
  out.targets = backends.cluster;
  out.masqueraded = true;
  if (out.targets.empty()) {
    out.fate = Fate::kRejected;
  } else if (spec.external_traffic_policy() == "Local") {
    if (cluster.cluster_cidr.Contains(packet.source)) {
      out.masqueraded = false;
    } else if (packet.source != cluster.node_ip) {
      out.targets = backends.local;
      out.masqueraded = false;
      if (out.targets.empty()) out.fate = Fate::kDropped;
    }
  }
  return out;
}

}  // namespace

Expected Expect(const ModelCluster& cluster, const Packet& packet) {
  bool cluster_ip = false;
  for (const auto& service : cluster.services) {
    const auto& spec = service.spec();
    if (spec.type() == "ExternalName" || spec.cluster_ip() == "None") continue;
    if (service.metadata().labels().contains("service.kubernetes.io/service-proxy-name")) continue;
    cluster_ip = cluster_ip || IpAddress::Parse(spec.cluster_ip()) == packet.destination;
    for (const auto& port : spec.ports()) {
      const Way way = WayTo(cluster, service, port, packet);
      if (way == Way::kNone) continue;
      const Backends backends = BackendsOf(cluster, service, port);
      Expected out;
      if (way == Way::kBalancer &&
          !AdmittedByRanges(cluster, spec, packet.source, packet.destination)) {
        out.fate = Fate::kDropped;
        return out;
      }
      out = way == Way::kClusterIp ? ThroughClusterIp(cluster, spec, backends, packet)
                                   : FromOutside(cluster, spec, backends, packet);
      out.sticky = spec.session_affinity() == "ClientIP";
      return out;
    }
  }
  Expected out;
  out.targets = {{packet.destination, packet.port}};
  if (cluster_ip) {
    out.fate = Fate::kRejected;
  } else if (cluster.service_cidr.Contains(packet.destination)) {
    out.fate = Fate::kDropped;
  }
  return out;
}

bool MustMasquerade(const ModelCluster& cluster, const Packet& packet, const Expected& expected,
                    const Target& target) {
  const bool translated = target != Target{packet.destination, packet.port};
  if (translated && expected.masqueraded) return true;
  // A pod of this node that reaches itself; others have their own node's proxy between.
  if (translated && target.first == packet.source && cluster.pod_cidr.Contains(packet.source)) {
    return true;
  }
  // A pod that leaves the cluster; what ends on the node leaves nothing.
  return cluster.pod_cidr.Contains(packet.source) && target.first != cluster.node_ip &&
         !cluster.cluster_cidr.Contains(target.first);
}

}  // namespace berth::tests
