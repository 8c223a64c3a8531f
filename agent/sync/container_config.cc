// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/container_config.h"

#include "agent/resources/quantities.h"
#include "agent/sync/names.h"
#include "agent/sync/pod_actions.h"
#include "api/codec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "cgroups/limits.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace v1 = ::runtime::v1;

void AddNames(const api::core::v1::Pod& pod, const api::core::v1::Container& container,
              int restart_count, v1::ContainerConfig& out) {
  const auto& meta = pod.metadata();
  auto& labels = *out.mutable_labels();
  labels[kLabelPodName] = meta.name();
  labels[kLabelPodNamespace] = meta.namespace_();
  labels[kLabelPodUid] = meta.uid();
  labels[kLabelContainerName] = container.name();
  auto& notes = *out.mutable_annotations();
  notes[kAnnotationHash] = ContainerHash(container);
  notes[kAnnotationRestartCount] = base::StrCat(restart_count);
  notes[kAnnotationMessagePath] = container.termination_message_path();
  notes[kAnnotationMessagePolicy] = container.termination_message_policy();
  if (pod.spec().has_termination_grace_period_seconds()) {
    notes[kAnnotationPodGrace] = base::StrCat(pod.spec().termination_grace_period_seconds());
  }
  if (meta.has_deletion_grace_period_seconds()) {
    notes[kAnnotationPodDeletionGrace] = base::StrCat(meta.deletion_grace_period_seconds());
  }
  // Kept with the container, so that a daemon that comes back after the Pod is gone can run it.
  if (container.lifecycle().has_pre_stop()) {
    notes[kAnnotationPreStop] = api::EncodeJson(container.lifecycle().pre_stop());
  }
  if (container.ports_size() > 0) {
    std::vector<std::string> ports;
    for (const auto& port : container.ports()) ports.push_back(api::EncodeJson(port));
    notes[kAnnotationPorts] = base::StrCat("[", base::Join(ports, ","), "]");
  }
}

void AddResources(const api::core::v1::Pod& pod, const api::core::v1::Container& container,
                  const ContainerInputs& inputs, v1::LinuxContainerResources& out) {
  Amounts limits = LimitsOf(container);
  Amounts requests = RequestsOf(container);
  out.set_cpu_shares(static_cast<int64_t>(cgroups::SharesFromMilliCpu(requests["cpu"])));
  out.set_cpu_period(cgroups::kCpuPeriodUs);
  if (inputs.cpu_quota && limits["cpu"] > 0) {
    out.set_cpu_quota(cgroups::QuotaFromMilliCpu(limits["cpu"]));
  }
  if (limits["memory"] > 0) out.set_memory_limit_in_bytes(limits["memory"]);
  if (inputs.group_oom_kill) (*out.mutable_unified())["memory.oom.group"] = "1";
  out.set_oom_score_adj(OomScoreAdj(pod, container, inputs.node_memory_bytes));
}

v1::MountPropagation PropagationOf(const std::string& name) {
  if (name == "HostToContainer") return v1::PROPAGATION_HOST_TO_CONTAINER;
  if (name == "Bidirectional") return v1::PROPAGATION_BIDIRECTIONAL;
  return v1::PROPAGATION_PRIVATE;
}

}  // namespace

v1::ContainerConfig MakeContainerConfig(const api::core::v1::Pod& pod,
                                        const api::core::v1::Container& container,
                                        const ContainerInputs& inputs) {
  v1::ContainerConfig out;
  out.mutable_metadata()->set_name(container.name());
  out.mutable_metadata()->set_attempt(static_cast<uint32_t>(inputs.restart_count));
  out.mutable_image()->set_image(inputs.image_ref);
  out.mutable_image()->set_user_specified_image(container.image());
  for (const auto& part : inputs.process.command) out.add_command(part);
  for (const auto& part : inputs.process.args) out.add_args(part);
  for (const auto& [name, value] : inputs.process.env) {
    auto* env = out.add_envs();
    env->set_key(name);
    env->set_value(value);
  }
  out.set_working_dir(container.working_dir());
  out.set_log_path(base::StrCat(container.name(), "/", inputs.restart_count, ".log"));
  out.set_stdin(container.stdin());
  out.set_stdin_once(container.stdin_once());
  out.set_tty(container.tty());
  for (const HostMount& mount : inputs.mounts) {
    auto* to = out.add_mounts();
    to->set_container_path(mount.container_path);
    to->set_host_path(mount.host_path);
    to->set_readonly(mount.read_only);
    to->set_propagation(PropagationOf(mount.propagation));
  }
  AddNames(pod, container, inputs.restart_count, out);
  auto& linux_config = *out.mutable_linux();
  AddResources(pod, container, inputs, *linux_config.mutable_resources());
  FillContainerSecurity(pod, container, inputs.security, inputs.target_id,
                        *linux_config.mutable_security_context());
  return out;
}

}  // namespace berth::agent
