// SPDX-License-Identifier: Apache-2.0
#include "agent/node/runtime_probe.h"

#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"
#include "cri/runtime.h"

namespace berth::agent {

RuntimeSeen ProbeRuntime(cri::Runtime& runtime, absl::Duration timeout) {
  RuntimeSeen seen;
  cri::v1::VersionRequest version_request;
  cri::v1::VersionResponse version;
  version_request.set_version("0.1.0");
  seen.reachable = runtime.Version(version_request, version, timeout);
  if (!seen.reachable.ok()) return seen;
  seen.name = version.runtime_name();
  seen.version = version.runtime_version();

  cri::v1::StatusResponse status;
  seen.reachable = runtime.Status(cri::v1::StatusRequest(), status, timeout);
  if (!seen.reachable.ok()) return seen;
  for (const auto& condition : status.status().conditions()) {
    if (condition.type() == "RuntimeReady") {
      seen.runtime_ready = condition.status();
      seen.runtime_reason = condition.reason();
      seen.runtime_message = condition.message();
    } else if (condition.type() == "NetworkReady") {
      seen.network_ready = condition.status();
      seen.network_reason = condition.reason();
      seen.network_message = condition.message();
    }
  }
  for (const auto& handler : status.runtime_handlers()) {
    seen.handlers.push_back({handler.name(), handler.features().recursive_read_only_mounts(),
                             handler.features().user_namespaces()});
  }
  seen.supplemental_groups_policy = status.features().supplemental_groups_policy();
  return seen;
}

std::vector<ImageSeen> ListRuntimeImages(cri::Runtime& runtime, absl::Duration timeout) {
  std::vector<ImageSeen> out;
  cri::v1::ListImagesResponse response;
  if (!runtime.ListImages(cri::v1::ListImagesRequest(), response, timeout).ok()) return out;
  for (const auto& image : response.images()) {
    ImageSeen& entry = out.emplace_back();
    for (const auto& name : image.repo_digests()) entry.names.push_back(name);
    for (const auto& name : image.repo_tags()) entry.names.push_back(name);
    entry.bytes = static_cast<int64_t>(image.size());
    if (entry.names.empty()) out.pop_back();
  }
  return out;
}

std::string RuntimeCgroupDriver(cri::Runtime& runtime, absl::Duration timeout) {
  cri::v1::RuntimeConfigResponse response;
  const absl::Status status =
      runtime.RuntimeConfig(cri::v1::RuntimeConfigRequest(), response, timeout);
  if (!status.ok() || !response.has_linux()) return "";
  return response.linux().cgroup_driver() == cri::v1::SYSTEMD ? "systemd" : "cgroupfs";
}

absl::Status SetPodCidr(cri::Runtime& runtime, std::string_view cidrs, absl::Duration timeout) {
  cri::v1::UpdateRuntimeConfigRequest request;
  cri::v1::UpdateRuntimeConfigResponse response;
  request.mutable_runtime_config()->mutable_network_config()->set_pod_cidr(std::string(cidrs));
  return runtime.UpdateRuntimeConfig(request, response, timeout);
}

}  // namespace berth::agent
