// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/service_endpoints.h"

#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "controlplane/controllers/pod_state.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using api::core::v1::Service;
using api::core::v1::ServicePort;

std::string ProtocolOr(const std::string& protocol) { return protocol.empty() ? "TCP" : protocol; }

template <class Containers>
int FindNamed(const Containers& containers, std::string_view name, std::string_view protocol,
              bool only_sidecars) {
  for (const auto& container : containers) {
    if (only_sidecars && container.restart_policy() != "Always") continue;
    for (const auto& port : container.ports()) {
      if (port.name() == name && ProtocolOr(port.protocol()) == protocol) {
        return port.container_port();
      }
    }
  }
  return 0;
}

// 0 when the pod has no such port.
int Resolve(const ServicePort& port, const Pod& pod) {
  const auto& target = port.target_port();
  if (target.type() == 0) return target.int_val() != 0 ? target.int_val() : port.port();
  const std::string protocol = ProtocolOr(port.protocol());
  const int found = FindNamed(pod.spec().containers(), target.str_val(), protocol, false);
  if (found != 0) return found;
  return FindNamed(pod.spec().init_containers(), target.str_val(), protocol, true);
}

bool IsIpv6(std::string_view address) { return address.find(':') != std::string_view::npos; }

}  // namespace

std::vector<TargetPort> TargetPortsOf(const Service& service, const Pod& pod) {
  std::vector<TargetPort> ports;
  for (const ServicePort& port : service.spec().ports()) {
    const int number = Resolve(port, pod);
    if (number == 0) continue;
    ports.push_back({port.name(), ProtocolOr(port.protocol()), number, port.app_protocol()});
  }
  return ports;
}

bool IsHeadless(const Service& service) { return service.spec().cluster_ip() == "None"; }

bool HasEndpoint(const Pod& pod) {
  return !IsFinished(pod) && !(pod.status().pod_ip().empty() && pod.status().pod_ips().empty());
}

std::string_view AddressOf(const Pod& pod, std::string_view family) {
  const bool ipv6 = family == "IPv6";
  for (const auto& ip : pod.status().pod_ips()) {
    if (IsIpv6(ip.ip()) == ipv6) return ip.ip();
  }
  const std::string& first = pod.status().pod_ip();
  return IsIpv6(first) == ipv6 ? std::string_view(first) : std::string_view();
}

std::vector<std::string> FamiliesOf(const Service& service) {
  const auto& families = service.spec().ip_families();
  if (!families.empty()) return {families.begin(), families.end()};
  return {IsIpv6(service.spec().cluster_ip()) ? "IPv6" : "IPv4"};
}

std::string_view HostnameUnder(const Service& service, const Pod& pod) {
  if (pod.spec().hostname().empty() || pod.spec().subdomain() != service.metadata().name()) {
    return {};
  }
  return pod.spec().hostname();
}

std::string LastTrigger(const Service& service, const std::vector<PodPtr>& pods) {
  absl::Time last = ToTime(service.metadata().creation_timestamp());
  for (const PodPtr& pod : pods) {
    const auto* ready = FindCondition(*pod, "Ready");
    if (ready != nullptr && ready->has_last_transition_time()) {
      last = std::max(last, ToTime(ready->last_transition_time()));
    }
  }
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", last, absl::UTCTimeZone());
}

}  // namespace berth::controlplane
