// SPDX-License-Identifier: Apache-2.0
#include "agent/pods/admission.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "agent/resources/quantities.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Node;
using api::core::v1::NodeSelectorRequirement;
using api::core::v1::Pod;
using Pods = std::vector<std::shared_ptr<const Pod>>;

constexpr std::string_view kSafeSysctls[] = {"kernel.shm_rmid_forced",
                                             "net.ipv4.ip_local_port_range",
                                             "net.ipv4.tcp_syncookies",
                                             "net.ipv4.ping_group_range",
                                             "net.ipv4.ip_unprivileged_port_start",
                                             "net.ipv4.ip_local_reserved_ports",
                                             "net.ipv4.tcp_keepalive_time",
                                             "net.ipv4.tcp_fin_timeout",
                                             "net.ipv4.tcp_keepalive_intvl",
                                             "net.ipv4.tcp_keepalive_probes",
                                             "net.ipv4.tcp_rmem",
                                             "net.ipv4.tcp_wmem"};

bool Meets(const NodeSelectorRequirement& want, const std::string* have) {
  const auto& values = want.values();
  const bool listed =
      have != nullptr && std::find(values.begin(), values.end(), *have) != values.end();
  const std::string& op = want.operator_();
  if (op == "In") return listed;
  if (op == "NotIn") return !listed;
  if (op == "Exists") return have != nullptr;
  if (op == "DoesNotExist") return have == nullptr;
  if (have == nullptr || values.size() != 1) return false;
  const auto left = base::ParseInt<int64_t>(*have);
  const auto right = base::ParseInt<int64_t>(values[0]);
  if (!left.has_value() || !right.has_value()) return false;
  return op == "Gt" ? *left > *right : op == "Lt" && *left < *right;
}

bool MeetsTerm(const api::core::v1::NodeSelectorTerm& term, const Node& node) {
  if (term.match_expressions().empty() && term.match_fields().empty()) return false;
  const auto& labels = node.metadata().labels();
  return std::all_of(term.match_expressions().begin(), term.match_expressions().end(),
                     [&](const auto& want) {
                       const auto it = labels.find(want.key());
                       return Meets(want, it == labels.end() ? nullptr : &it->second);
                     }) &&
         std::all_of(term.match_fields().begin(), term.match_fields().end(), [&](const auto& want) {
           return want.key() == "metadata.name" && Meets(want, &node.metadata().name());
         });
}

PodVerdict Rejected(std::string reason, std::string_view message) {
  return {std::move(reason), base::StrCat("Pod was rejected: ", message)};
}

std::optional<PodVerdict> CheckResources(const Pod& pod, const AdmissionInputs& in) {
  const std::vector<Shortage> missing = ShortagesOf(pod, in);
  if (missing.empty()) return std::nullopt;
  const Shortage& first = missing.front();
  return Rejected(base::StrCat("OutOf", first.resource),
                  base::StrCat("Node didn't have enough resource: ", first.resource,
                               ", requested: ", first.requested, ", used: ", first.used,
                               ", capacity: ", first.capacity));
}

using HostPort = std::tuple<std::string, int, std::string>;  // protocol, port, address

std::vector<HostPort> HostPorts(const Pod& pod) {
  std::vector<HostPort> ports;
  for (const auto& container : pod.spec().containers()) {
    for (const auto& port : container.ports()) {
      int number = port.host_port();
      if (number == 0 && pod.spec().host_network()) number = port.container_port();
      if (number == 0) continue;
      ports.emplace_back(port.protocol().empty() ? "TCP" : port.protocol(), number,
                         port.host_ip().empty() ? "0.0.0.0" : port.host_ip());
    }
  }
  return ports;
}

bool PortsClash(const Pod& pod, const Pods& active) {
  const auto wanted = HostPorts(pod);
  if (wanted.empty()) return false;
  for (const auto& other : active) {
    for (const auto& [protocol, port, ip] : HostPorts(*other)) {
      for (const auto& [my_protocol, my_port, my_ip] : wanted) {
        if (protocol == my_protocol && port == my_port &&
            (ip == my_ip || ip == "0.0.0.0" || my_ip == "0.0.0.0")) {
          return true;
        }
      }
    }
  }
  return false;
}

bool Tolerates(const Pod& pod, const api::core::v1::Taint& taint) {
  return std::any_of(pod.spec().tolerations().begin(), pod.spec().tolerations().end(),
                     [&](const auto& t) {
                       if (!t.effect().empty() && t.effect() != taint.effect()) return false;
                       if (!t.key().empty() && t.key() != taint.key()) return false;
                       if (t.operator_() == "Exists") return true;
                       return !t.key().empty() && t.value() == taint.value();
                     });
}

std::optional<PodVerdict> CheckOs(const Pod& pod, const Node& node) {
  const auto& labels = node.metadata().labels();
  const auto os = labels.find("kubernetes.io/os");
  const auto wanted = pod.spec().node_selector().find("kubernetes.io/os");
  if (wanted != pod.spec().node_selector().end() && os != labels.end() &&
      wanted->second != os->second) {
    return Rejected("PodOSSelectorNodeLabelDoesNotMatch",
                    "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label");
  }
  if (pod.spec().has_os() && pod.spec().os().name() != "linux") {
    return Rejected("PodOSNotSupported",
                    "Failed to admit pod as the OS field doesn't match node OS");
  }
  return std::nullopt;
}

std::optional<PodVerdict> CheckSysctls(const Pod& pod, const std::vector<std::string>& allowed) {
  for (const auto& sysctl : pod.spec().security_context().sysctls()) {
    std::string name = sysctl.name();
    std::replace(name.begin(), name.end(), '/', '.');
    const bool safe =
        std::find(std::begin(kSafeSysctls), std::end(kSafeSysctls), name) != std::end(kSafeSysctls);
    const bool listed = std::any_of(allowed.begin(), allowed.end(), [&](const std::string& entry) {
      if (!entry.ends_with("*")) return entry == name;
      return name.starts_with(std::string_view(entry).substr(0, entry.size() - 1));
    });
    if (!safe && !listed) {
      return Rejected("SysctlForbidden",
                      base::StrCat("forbidden sysctl: \"", name, "\" not allowlisted"));
    }
    if ((name.starts_with("net.") && pod.spec().host_network()) ||
        (name.starts_with("kernel.") && pod.spec().host_ipc())) {
      return Rejected("SysctlForbidden",
                      base::StrCat("forbidden sysctl: \"", name,
                                   "\" not allowed with host namespaces enabled"));
    }
  }
  return std::nullopt;
}

std::optional<PodVerdict> CheckGroupsPolicy(const Pod& pod, const Node& node) {
  if (pod.spec().security_context().supplemental_groups_policy() != "Strict" ||
      node.status().features().supplemental_groups_policy()) {
    return std::nullopt;
  }
  return Rejected("SupplementalGroupsPolicyNotSupported",
                  "SupplementalGroupsPolicy=Strict is not supported in this node");
}

// Affinity, ports, taints.
std::optional<PodVerdict> CheckPlace(const Pod& pod, const AdmissionInputs& in) {
  if (!MatchesNode(pod, in.node)) {
    return Rejected("NodeAffinity",
                    "Predicate NodeAffinity failed: node(s) didn't match Pod's node "
                    "affinity/selector");
  }
  if (PortsClash(pod, in.active)) {
    return Rejected("NodePorts",
                    "Predicate NodePorts failed: node(s) didn't have free ports for the requested "
                    "pod ports");
  }
  for (const auto& taint : in.node.spec().taints()) {
    if (taint.effect() == "NoExecute" && !Tolerates(pod, taint)) {
      return Rejected("TaintToleration",
                      "Predicate TaintToleration failed: node(s) had taints that the pod didn't "
                      "tolerate");
    }
  }
  return std::nullopt;
}

}  // namespace

Amounts AllocatableOf(const Node& node) { return ToAmounts(node.status().allocatable()); }

bool MatchesNode(const Pod& pod, const Node& node) {
  const auto& labels = node.metadata().labels();
  for (const auto& [key, value] : pod.spec().node_selector()) {
    const auto it = labels.find(key);
    if (it == labels.end() || it->second != value) return false;
  }
  const auto& affinity = pod.spec().affinity().node_affinity();
  if (!affinity.has_required_during_scheduling_ignored_during_execution()) return true;
  const auto& terms =
      affinity.required_during_scheduling_ignored_during_execution().node_selector_terms();
  return std::any_of(terms.begin(), terms.end(),
                     [&](const auto& term) { return MeetsTerm(term, node); });
}

std::vector<Shortage> ShortagesOf(const Pod& pod, const AdmissionInputs& in) {
  std::vector<Shortage> out;
  const Amounts capacity = AllocatableOf(in.node);
  const auto pods = capacity.find("pods");
  const int64_t max_pods = pods == capacity.end() ? in.max_pods : pods->second;
  const auto active = static_cast<int64_t>(in.active.size());
  if (active + 1 > max_pods) out.push_back({"pods", 1, active, max_pods});
  Amounts used;
  for (const auto& other : in.active) {
    for (const auto& [name, amount] : AmountsOf(other->spec()).requests) used[name] += amount;
  }
  for (const auto& [name, amount] : AmountsOf(pod.spec()).requests) {
    const auto have = capacity.find(name);
    // What the node does not account for, such as another node's devices, is not its business.
    if (amount == 0 || have == capacity.end()) continue;
    if (used[name] + amount > have->second) {
      out.push_back({name, amount, used[name], have->second});
    }
  }
  return out;
}

std::optional<PodVerdict> AdmitBesideResources(const Pod& pod, const AdmissionInputs& in) {
  if (auto sysctls = CheckSysctls(pod, in.allowed_unsafe_sysctls)) return sysctls;
  if (auto os = CheckOs(pod, in.node)) return os;
  if (auto groups = CheckGroupsPolicy(pod, in.node)) return groups;
  return CheckPlace(pod, in);
}

std::optional<PodVerdict> Admit(const Pod& pod, const AdmissionInputs& in) {
  if (auto sysctls = CheckSysctls(pod, in.allowed_unsafe_sysctls)) return sysctls;
  if (auto os = CheckOs(pod, in.node)) return os;
  if (auto groups = CheckGroupsPolicy(pod, in.node)) return groups;
  if (auto resources = CheckResources(pod, in)) return resources;
  return CheckPlace(pod, in);
}

}  // namespace berth::agent
