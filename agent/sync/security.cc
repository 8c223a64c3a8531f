// SPDX-License-Identifier: Apache-2.0
#include "agent/sync/security.h"

#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace v1 = ::runtime::v1;
using api::core::v1::Container;
using api::core::v1::Pod;

constexpr const char* kMaskedPaths[] = {"/proc/asound",
                                        "/proc/acpi",
                                        "/proc/kcore",
                                        "/proc/keys",
                                        "/proc/latency_stats",
                                        "/proc/timer_list",
                                        "/proc/timer_stats",
                                        "/proc/sched_debug",
                                        "/proc/scsi",
                                        "/sys/firmware",
                                        "/sys/devices/virtual/powercap"};
constexpr const char* kReadonlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                          "/proc/sysrq-trigger"};

void FillSeccomp(const api::core::v1::SeccompProfile* profile, const SecurityOptions& options,
                 bool privileged, v1::SecurityProfile& out) {
  out.set_profile_type(v1::SecurityProfile::Unconfined);
  if (privileged) return;
  const std::string type = profile != nullptr        ? profile->type()
                           : options.seccomp_default ? "RuntimeDefault"
                                                     : "Unconfined";
  if (type == "RuntimeDefault") out.set_profile_type(v1::SecurityProfile::RuntimeDefault);
  if (type == "Localhost") {
    out.set_profile_type(v1::SecurityProfile::Localhost);
    out.set_localhost_ref(base::StrCat(options.seccomp_dir, "/", profile->localhost_profile()));
  }
}

void FillSelinux(const api::core::v1::SELinuxOptions& from, v1::SELinuxOption& out) {
  out.set_user(from.user());
  out.set_role(from.role());
  out.set_type(from.type());
  out.set_level(from.level());
}

void FillNamespaces(const Pod& pod, v1::NamespaceOption& out) {
  const auto& spec = pod.spec();
  out.set_network(spec.host_network() ? v1::NamespaceMode::NODE : v1::NamespaceMode::POD);
  out.set_ipc(spec.host_ipc() ? v1::NamespaceMode::NODE : v1::NamespaceMode::POD);
  out.set_pid(spec.host_pid()                  ? v1::NamespaceMode::NODE
              : spec.share_process_namespace() ? v1::NamespaceMode::POD
                                               : v1::NamespaceMode::CONTAINER);
}

void AddGroups(const Pod& pod, google::protobuf::RepeatedField<int64_t>& out) {
  const auto& context = pod.spec().security_context();
  for (const int64_t group : context.supplemental_groups()) out.Add(group);
  if (context.has_fs_group()) out.Add(context.fs_group());
}

v1::SupplementalGroupsPolicy GroupsPolicy(const Pod& pod) {
  return pod.spec().security_context().supplemental_groups_policy() == "Strict"
             ? v1::SupplementalGroupsPolicy::Strict
             : v1::SupplementalGroupsPolicy::Merge;
}

bool AnyPrivileged(const Pod& pod) {
  for (const auto& c : pod.spec().containers()) {
    if (c.security_context().privileged()) return true;
  }
  for (const auto& c : pod.spec().init_containers()) {
    if (c.security_context().privileged()) return true;
  }
  return false;
}

}  // namespace

void FillSandboxSecurity(const Pod& pod, const SecurityOptions& options,
                         v1::LinuxSandboxSecurityContext& out) {
  const auto& context = pod.spec().security_context();
  FillNamespaces(pod, *out.mutable_namespace_options());
  // The sandbox itself runs the pause process of the runtime, confined whatever the pod asks for.
  out.mutable_seccomp()->set_profile_type(v1::SecurityProfile::RuntimeDefault);
  out.set_privileged(AnyPrivileged(pod));
  if (out.privileged()) FillSeccomp(nullptr, options, true, *out.mutable_seccomp());
  if (context.has_run_as_user()) out.mutable_run_as_user()->set_value(context.run_as_user());
  if (context.has_run_as_user() && context.has_run_as_group()) {
    out.mutable_run_as_group()->set_value(context.run_as_group());
  }
  AddGroups(pod, *out.mutable_supplemental_groups());
  out.set_supplemental_groups_policy(GroupsPolicy(pod));
  if (context.has_se_linux_options()) {
    FillSelinux(context.se_linux_options(), *out.mutable_selinux_options());
  }
}

void FillContainerSecurity(const Pod& pod, const Container& container,
                           const SecurityOptions& options, const std::string& target_id,
                           v1::LinuxContainerSecurityContext& out) {
  const auto& of_pod = pod.spec().security_context();
  const auto& own = container.security_context();
  FillNamespaces(pod, *out.mutable_namespace_options());
  // Whoever sees all of the pod, or of the host, sees the target anyway.
  if (!target_id.empty() && out.namespace_options().pid() == v1::NamespaceMode::CONTAINER) {
    out.mutable_namespace_options()->set_pid(v1::NamespaceMode::TARGET);
    out.mutable_namespace_options()->set_target_id(target_id);
  }
  out.set_privileged(own.privileged());
  out.set_readonly_rootfs(own.read_only_root_filesystem());
  if (own.has_run_as_user() || of_pod.has_run_as_user()) {
    out.mutable_run_as_user()->set_value(own.has_run_as_user() ? own.run_as_user()
                                                               : of_pod.run_as_user());
  }
  if (own.has_run_as_group() || of_pod.has_run_as_group()) {
    out.mutable_run_as_group()->set_value(own.has_run_as_group() ? own.run_as_group()
                                                                 : of_pod.run_as_group());
  }
  AddGroups(pod, *out.mutable_supplemental_groups());
  out.set_supplemental_groups_policy(GroupsPolicy(pod));
  out.set_no_new_privs(own.has_allow_privilege_escalation() && !own.allow_privilege_escalation());
  for (const auto& name : own.capabilities().add()) {
    out.mutable_capabilities()->add_add_capabilities(name);
  }
  for (const auto& name : own.capabilities().drop()) {
    out.mutable_capabilities()->add_drop_capabilities(name);
  }
  const auto* profile = own.has_seccomp_profile()      ? &own.seccomp_profile()
                        : of_pod.has_seccomp_profile() ? &of_pod.seccomp_profile()
                                                       : nullptr;
  FillSeccomp(profile, options, own.privileged(), *out.mutable_seccomp());
  if (own.has_se_linux_options() || of_pod.has_se_linux_options()) {
    FillSelinux(own.has_se_linux_options() ? own.se_linux_options() : of_pod.se_linux_options(),
                *out.mutable_selinux_options());
  }
  if (own.proc_mount() != "Unmasked" && !own.privileged()) {
    for (const char* path : kMaskedPaths) out.add_masked_paths(path);
    for (const char* path : kReadonlyPaths) out.add_readonly_paths(path);
  }
}

absl::Status CheckNonRoot(const Pod& pod, const Container& container, const ImageUser& image) {
  const auto& of_pod = pod.spec().security_context();
  const auto& own = container.security_context();
  const bool wanted = own.has_run_as_non_root() ? own.run_as_non_root() : of_pod.run_as_non_root();
  if (!wanted) return absl::OkStatus();
  if (own.has_run_as_user() || of_pod.has_run_as_user()) {
    const int64_t uid = own.has_run_as_user() ? own.run_as_user() : of_pod.run_as_user();
    if (uid != 0) return absl::OkStatus();
    return base::InvalidArgument("container's runAsUser breaks non-root policy (pod: \"",
                                 pod.metadata().name(), "_", pod.metadata().namespace_(), "(",
                                 pod.metadata().uid(), ")\", container: ", container.name(), ")");
  }
  if (!image.name.empty()) {
    return base::InvalidArgument("container has runAsNonRoot and image has non-numeric user (",
                                 image.name, "), cannot verify user is non-root (pod: \"",
                                 pod.metadata().name(), "_", pod.metadata().namespace_(), "(",
                                 pod.metadata().uid(), ")\", container: ", container.name(), ")");
  }
  if (image.uid.value_or(0) == 0) {
    return base::InvalidArgument("container has runAsNonRoot and image will run as root (pod: \"",
                                 pod.metadata().name(), "_", pod.metadata().namespace_(), "(",
                                 pod.metadata().uid(), ")\", container: ", container.name(), ")");
  }
  return absl::OkStatus();
}

}  // namespace berth::agent
