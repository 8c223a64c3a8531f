// SPDX-License-Identifier: Apache-2.0
#include "agent/status/pod_api.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "client/api_client.h"

namespace berth::agent {

absl::Status ClientPodApi::PatchStatus(const PodRef& pod, std::string_view patch) {
  return api_.Patch(client::kPods, pod.namespace_, pod.name, "status",
                    client::PatchType::kStrategicMerge, patch, nullptr);
}

absl::Status ClientPodApi::Delete(const PodRef& pod) {
  client::DeleteOptions options;
  options.grace_period_seconds = 0;
  options.uid = pod.uid;
  return api_.Delete(client::kPods, pod.namespace_, pod.name, options);
}

absl::Status ClientPodApi::Create(const api::core::v1::Pod& pod, api::core::v1::Pod& made) {
  return api_.Create(client::kPods, pod, &made);
}

absl::Status NoPodApi::PatchStatus(const PodRef&, std::string_view) {
  return base::NotFound("there is no API server");
}
absl::Status NoPodApi::Delete(const PodRef&) { return base::NotFound("there is no API server"); }
absl::Status NoPodApi::Create(const api::core::v1::Pod&, api::core::v1::Pod&) {
  return base::NotFound("there is no API server");
}

}  // namespace berth::agent
