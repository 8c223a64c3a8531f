// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/sandbox_config.h"

#include <algorithm>

#include "agent/resources/quantities.h"
#include "agent/sync/names.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "cgroups/limits.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace v1 = ::runtime::v1;

void AddPorts(const api::core::v1::Container& container, v1::PodSandboxConfig& out) {
  for (const auto& port : container.ports()) {
    if (port.host_port() == 0) continue;
    auto* mapping = out.add_port_mappings();
    mapping->set_protocol(port.protocol() == "UDP"    ? v1::Protocol::UDP
                          : port.protocol() == "SCTP" ? v1::Protocol::SCTP
                                                      : v1::Protocol::TCP);
    mapping->set_container_port(port.container_port());
    mapping->set_host_port(port.host_port());
    mapping->set_host_ip(port.host_ip());
  }
}

// The pod's totals, for runtimes that size their sandbox by them.
void AddResources(const api::core::v1::PodSpec& spec, v1::LinuxPodSandboxConfig& out) {
  PodAmounts amounts = AmountsOf(spec);
  auto* resources = out.mutable_resources();
  resources->set_cpu_shares(
      static_cast<int64_t>(cgroups::SharesFromMilliCpu(amounts.requests["cpu"])));
  resources->set_cpu_period(cgroups::kCpuPeriodUs);
  if (amounts.all_limit_cpu) {
    resources->set_cpu_quota(cgroups::QuotaFromMilliCpu(amounts.limits["cpu"]));
  }
  if (amounts.all_limit_memory) {
    resources->set_memory_limit_in_bytes(amounts.limits["memory"]);
  }
}

}  // namespace

std::string PodLogDir(std::string_view pod_logs_dir, const api::core::v1::Pod& pod) {
  const auto& meta = pod.metadata();
  return base::StrCat(pod_logs_dir, "/", meta.namespace_(), "_", meta.name(), "_", meta.uid());
}

v1::PodSandboxConfig MakeSandboxConfig(const api::core::v1::Pod& pod, const SandboxInputs& inputs) {
  const auto& meta = pod.metadata();
  const auto& spec = pod.spec();
  v1::PodSandboxConfig out;
  out.mutable_metadata()->set_name(meta.name());
  out.mutable_metadata()->set_namespace_(meta.namespace_());
  out.mutable_metadata()->set_uid(meta.uid());
  out.mutable_metadata()->set_attempt(inputs.attempt);
  *out.mutable_labels() = meta.labels();
  (*out.mutable_labels())[kLabelPodName] = meta.name();
  (*out.mutable_labels())[kLabelPodNamespace] = meta.namespace_();
  (*out.mutable_labels())[kLabelPodUid] = meta.uid();
  *out.mutable_annotations() = meta.annotations();
  out.set_log_directory(PodLogDir(inputs.pod_logs_dir, pod));
  if (!spec.host_network()) {
    const std::string fqdn = FqdnOf(pod, inputs.cluster_domain);
    out.set_hostname(spec.set_hostname_as_fqdn() && !fqdn.empty() ? fqdn : HostnameOf(pod));
    for (const auto& c : spec.containers()) AddPorts(c, out);
    for (const auto& c : spec.init_containers()) AddPorts(c, out);
  }
  for (const auto& s : inputs.resolver.servers) out.mutable_dns_config()->add_servers(s);
  for (const auto& s : inputs.resolver.searches) out.mutable_dns_config()->add_searches(s);
  for (const auto& s : inputs.resolver.options) out.mutable_dns_config()->add_options(s);
  auto& linux_config = *out.mutable_linux();
  linux_config.set_cgroup_parent(inputs.cgroup_parent);
  for (const auto& sysctl : spec.security_context().sysctls()) {
    (*linux_config.mutable_sysctls())[sysctl.name()] = sysctl.value();
  }
  FillSandboxSecurity(pod, inputs.security, *linux_config.mutable_security_context());
  AddResources(spec, linux_config);
  return out;
}

}  // namespace berth::agent
