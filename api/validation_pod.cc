// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/validation_meta.h"
#include "api/validation_names.h"
#include "api/validation_pod.h"

namespace berth::api::internal {
namespace {

void CheckSecurity(const core::v1::PodSpec& spec, const Path& path, Findings& findings) {
  const auto& context = spec.security_context();
  const Path at = path / "securityContext";
  const auto check_id = [&](std::string_view name, bool set, int64_t id) {
    if (set && (id < 0 || id > std::numeric_limits<int32_t>::max())) {
      findings.InvalidNumber(at / name, id, "must be between 0 and 2147483647, inclusive");
    }
  };
  check_id("runAsUser", context.has_run_as_user(), context.run_as_user());
  check_id("runAsGroup", context.has_run_as_group(), context.run_as_group());
  check_id("fsGroup", context.has_fs_group(), context.fs_group());
  for (int i = 0; i < context.supplemental_groups_size(); ++i) {
    const int64_t group = context.supplemental_groups(i);
    if (group < 0 || group > std::numeric_limits<int32_t>::max()) {
      findings.InvalidNumber((at / "supplementalGroups")[i], group,
                             "must be between 0 and 2147483647, inclusive");
    }
  }
  if (spec.share_process_namespace() && spec.host_pid()) {
    findings.InvalidJson(at / "shareProcessNamespace", "true",
                         "ShareProcessNamespace and HostPID cannot both be enabled");
  }
}

void CheckDns(const core::v1::PodSpec& spec, const Path& path, Findings& findings) {
  findings.CheckOneOf(path / "dnsPolicy", spec.dns_policy(),
                      {"ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"});
  const Path servers = path / "dnsConfig" / "nameservers";
  if (spec.dns_policy() == "None" && spec.dns_config().nameservers_size() == 0) {
    findings.Required(servers, "must provide at least one DNS nameserver when `dnsPolicy` is None");
  }
  for (int i = 0; i < spec.dns_config().nameservers_size(); ++i) {
    const std::string& server = spec.dns_config().nameservers(i);
    findings.Check(servers[i], server, IpProblem(server));
  }
}

void CheckNames(const core::v1::PodSpec& spec, const Path& path, Findings& findings) {
  if (!spec.hostname().empty()) {
    findings.Check(path / "hostname", spec.hostname(), Dns1123LabelProblem(spec.hostname()));
  }
  if (!spec.subdomain().empty()) {
    findings.Check(path / "subdomain", spec.subdomain(), Dns1123LabelProblem(spec.subdomain()));
  }
  if (!spec.service_account_name().empty()) {
    findings.Check(path / "serviceAccountName", spec.service_account_name(),
                   Dns1123SubdomainProblem(spec.service_account_name()));
  }
  if (!spec.node_name().empty()) {
    findings.Check(path / "nodeName", spec.node_name(), Dns1123SubdomainProblem(spec.node_name()));
  }
  if (!spec.priority_class_name().empty()) {
    findings.Check(path / "priorityClassName", spec.priority_class_name(),
                   Dns1123SubdomainProblem(spec.priority_class_name()));
  }
  if (spec.has_runtime_class_name()) {
    findings.Check(path / "runtimeClassName", spec.runtime_class_name(),
                   Dns1123SubdomainProblem(spec.runtime_class_name()));
  }
}

template <class Containers>
void CheckHostNetwork(const Containers& containers, PodPlace place, const Path& path,
                      Findings& findings) {
  for (int i = 0; i < containers.size(); ++i) {
    for (int j = 0; j < containers[i].ports_size(); ++j) {
      const auto& port = containers[i].ports(j);
      if (port.host_port() == port.container_port()) continue;
      // In a template the host port comes when the Pod does.
      if (place == PodPlace::kTemplate && port.host_port() == 0) continue;
      findings.InvalidNumber((path[i] / "ports")[j] / "hostPort", port.host_port(),
                             "must match `containerPort` when `hostNetwork` is true");
    }
  }
}

void CheckContainers(const core::v1::PodSpec& spec, PodPlace place, const Path& path,
                     PodNames& names, Findings& findings) {
  if (spec.containers_size() == 0) findings.Required(path / "containers");
  for (int i = 0; i < spec.containers_size(); ++i) {
    CheckContainer(spec.containers(i), (path / "containers")[i], names, findings);
  }
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    CheckInitContainer(spec.init_containers(i), (path / "initContainers")[i], names, findings);
  }
  const std::set<std::string> targets = names.containers;
  for (int i = 0; i < spec.ephemeral_containers_size(); ++i) {
    const Path at = (path / "ephemeralContainers")[i];
    const auto& container = spec.ephemeral_containers(i);
    CheckEphemeralContainer(container.ephemeral_container_common(), at, names, findings);
    const std::string& target = container.target_container_name();
    if (!target.empty() && !targets.contains(target)) {
      findings.NotFound(at / "targetContainerName", target);
    }
  }
  if (!spec.host_network()) return;
  CheckHostNetwork(spec.containers(), place, path / "containers", findings);
  CheckHostNetwork(spec.init_containers(), place, path / "initContainers", findings);
}

}  // namespace

void CheckPodSpec(const core::v1::PodSpec& spec, PodPlace place, const Path& path,
                  Findings& findings) {
  PodNames names;
  CheckVolumes(spec, path / "volumes", names, findings);
  CheckContainers(spec, place, path, names, findings);
  findings.CheckOneOf(path / "restartPolicy", spec.restart_policy(),
                      {"Always", "OnFailure", "Never"});
  CheckDns(spec, path, findings);
  CheckNames(spec, path, findings);
  CheckSecurity(spec, path, findings);
  CheckScheduling(spec, path, findings);
  if (spec.has_active_deadline_seconds() &&
      (spec.active_deadline_seconds() < 1 ||
       spec.active_deadline_seconds() > std::numeric_limits<int32_t>::max())) {
    findings.InvalidNumber(path / "activeDeadlineSeconds", spec.active_deadline_seconds(),
                           "must be between 1 and 2147483647, inclusive");
  }
  findings.CheckNotNegative(path / "terminationGracePeriodSeconds",
                            spec.termination_grace_period_seconds());
  for (int i = 0; i < spec.host_aliases_size(); ++i) {
    const auto& alias = spec.host_aliases(i);
    findings.Check((path / "hostAliases")[i] / "ip", alias.ip(), IpProblem(alias.ip()));
    for (const std::string& name : alias.hostnames()) {
      findings.Check((path / "hostAliases")[i] / "hostnames", name, Dns1123SubdomainProblem(name));
    }
  }
}

void CheckPodTemplate(const core::v1::PodTemplateSpec& pod, const Path& path, Findings& findings) {
  CheckLabels(pod.metadata().labels(), path / "labels", findings);
  CheckAnnotations(pod.metadata().annotations(), path / "annotations", findings);
  CheckPodSpec(pod.spec(), PodPlace::kTemplate, path / "spec", findings);
  if (pod.spec().ephemeral_containers_size() > 0) {
    findings.Forbidden(path / "spec" / "ephemeralContainers",
                       "ephemeral containers not allowed in pod template");
  }
}

}  // namespace berth::api::internal
