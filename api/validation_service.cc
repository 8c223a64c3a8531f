// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "api/proto/core/v1/service.pb.h"
#include "api/validation_kinds.h"
#include "api/validation_meta.h"
#include "api/validation_names.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

constexpr int kLongestAffinity = 86400;

bool IsHeadless(const core::v1::ServiceSpec& spec) { return spec.cluster_ip() == "None"; }

struct SeenPorts {
  std::set<std::string> names;
  std::set<std::string> ports;
  std::set<std::string> node_ports;
};

void CheckNodePort(const core::v1::ServiceSpec& spec, const core::v1::ServicePort& port,
                   const Path& path, SeenPorts& seen, Findings& findings) {
  if (port.node_port() == 0) return;
  const Path at = path / "nodePort";
  if (spec.type() == "ClusterIP") {
    findings.Forbidden(at, "may not be used when `type` is 'ClusterIP'");
    return;
  }
  if (port.node_port() < kLowestNodePort || port.node_port() > kHighestNodePort) {
    findings.InvalidNumber(
        at, port.node_port(),
        base::StrCat("provided port is not in the valid range. The range of valid ports is ",
                     kLowestNodePort, "-", kHighestNodePort));
  }
  const std::string key = base::StrCat(port.protocol(), "/", port.node_port());
  if (!seen.node_ports.insert(key).second) findings.Duplicate(at, key);
}

void CheckPort(const core::v1::ServiceSpec& spec, const core::v1::ServicePort& port,
               const Path& path, SeenPorts& seen, Findings& findings) {
  if (port.name().empty()) {
    if (spec.ports_size() > 1) findings.Required(path / "name");
  } else {
    findings.Check(path / "name", port.name(), Dns1123LabelProblem(port.name()));
    if (!seen.names.insert(port.name()).second) findings.Duplicate(path / "name", port.name());
  }
  findings.CheckPort(path / "port", port.port());
  findings.CheckOneOf(path / "protocol", port.protocol(), {"SCTP", "TCP", "UDP"});
  CheckPortReference(port.target_port(), path / "targetPort", findings);
  const std::string key = base::StrCat(port.protocol(), "/", port.port());
  if (!seen.ports.insert(key).second) findings.Duplicate(path, key);
  CheckNodePort(spec, port, path, seen, findings);
}

void CheckAddresses(const core::v1::ServiceSpec& spec, const Path& path, Findings& findings) {
  if (spec.type() == "ExternalName") {
    if (!spec.cluster_ip().empty()) {
      findings.Forbidden((path / "clusterIPs")[0], "may not be set for ExternalName services");
    }
    if (spec.external_name().empty()) {
      findings.Required(path / "externalName");
    } else {
      std::string_view name = spec.external_name();
      if (name.ends_with('.')) name.remove_suffix(1);
      findings.Check(path / "externalName", spec.external_name(), Dns1123SubdomainProblem(name));
    }
  } else if (IsHeadless(spec)) {
    if (spec.type() == "NodePort" || spec.type() == "LoadBalancer") {
      findings.Invalid((path / "clusterIPs")[0], "None",
                       base::StrCat("may not be set to 'None' for ", spec.type(), " services"));
    }
  } else if (!spec.cluster_ip().empty()) {
    findings.Check((path / "clusterIPs")[0], spec.cluster_ip(), IpProblem(spec.cluster_ip()));
  }
  if (spec.cluster_ips_size() > 0 && spec.cluster_ips(0) != spec.cluster_ip()) {
    findings.Invalid(path / "clusterIPs", spec.cluster_ips(0),
                     "first value must match `clusterIP`");
  }
  for (int i = 0; i < spec.external_ips_size(); ++i) {
    findings.Check((path / "externalIPs")[i], spec.external_ips(i),
                   EndpointIpProblem(spec.external_ips(i)));
  }
  for (int i = 0; i < spec.load_balancer_source_ranges_size(); ++i) {
    const std::string& range = spec.load_balancer_source_ranges(i);
    if (!IsCidr(range)) {
      findings.Invalid((path / "loadBalancerSourceRanges")[i], range,
                       "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    }
  }
}

void CheckPolicies(const core::v1::ServiceSpec& spec, const Path& path, Findings& findings) {
  findings.CheckOneOf(path / "sessionAffinity", spec.session_affinity(), {"ClientIP", "None"});
  if (spec.session_affinity() == "ClientIP") {
    const int seconds = spec.session_affinity_config().client_ip().timeout_seconds();
    if (seconds <= 0 || seconds > kLongestAffinity) {
      findings.InvalidNumber(path / "sessionAffinityConfig" / "clientIP" / "timeoutSeconds",
                             seconds, "must be greater than 0 and less than 86400");
    }
  } else if (spec.has_session_affinity_config()) {
    findings.Forbidden(path / "sessionAffinityConfig",
                       "must not be set when session affinity is None");
  }
  const std::string& outside = spec.external_traffic_policy();
  const bool reachable = spec.type() == "NodePort" || spec.type() == "LoadBalancer" ||
                         (spec.type() == "ClusterIP" && spec.external_ips_size() > 0);
  if (!outside.empty()) {
    if (!reachable) {
      findings.Invalid(path / "externalTrafficPolicy", outside,
                       "may only be set for externally-accessible services");
    } else {
      findings.CheckOneOf(path / "externalTrafficPolicy", outside, {"Cluster", "Local"});
    }
  }
  if (spec.has_internal_traffic_policy()) {
    findings.CheckOneOf(path / "internalTrafficPolicy", spec.internal_traffic_policy(),
                        {"Cluster", "Local"});
  }
  if (spec.has_ip_family_policy()) {
    findings.CheckOneOf(path / "ipFamilyPolicy", spec.ip_family_policy(),
                        {"SingleStack", "PreferDualStack", "RequireDualStack"});
  }
}

}  // namespace

void CheckService(const Message& object, Findings& findings) {
  const auto& spec = static_cast<const core::v1::Service&>(object).spec();
  const Path path("spec");
  findings.CheckOneOf(path / "type", spec.type(),
                      {"ClusterIP", "ExternalName", "LoadBalancer", "NodePort"});
  if (spec.ports_size() == 0 && !IsHeadless(spec) && spec.type() != "ExternalName") {
    findings.Required(path / "ports");
  }
  SeenPorts seen;
  for (int i = 0; i < spec.ports_size(); ++i) {
    CheckPort(spec, spec.ports(i), (path / "ports")[i], seen, findings);
  }
  CheckLabels(spec.selector(), path / "selector", findings);
  CheckAddresses(spec, path, findings);
  CheckPolicies(spec, path, findings);
}

void CheckServiceUpdate(const Message& object, const Message& old, Findings& findings) {
  const auto& spec = static_cast<const core::v1::Service&>(object).spec();
  const auto& before = static_cast<const core::v1::Service&>(old).spec();
  // An ExternalName service has no address to keep; an empty one is filled in from the old.
  if (spec.type() == "ExternalName" || before.type() == "ExternalName") return;
  if (before.cluster_ip().empty() || spec.cluster_ip().empty()) return;
  if (spec.cluster_ip() != before.cluster_ip()) {
    findings.InvalidJson((Path("spec") / "clusterIPs")[0],
                         base::StrCat("[", Quote(spec.cluster_ip()), "]"),
                         "may not change once set");
  }
}

}  // namespace berth::api::internal
