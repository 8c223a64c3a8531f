// SPDX-License-Identifier: Apache-2.0
#include "agent/status/pod_api.h"
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

}  // namespace berth::agent
