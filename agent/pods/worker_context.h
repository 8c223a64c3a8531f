// SPDX-License-Identifier: Apache-2.0
// What every pod worker works with; all of it outlives the workers.
#ifndef BERTH_AGENT_PODS_WORKER_CONTEXT_H_
#define BERTH_AGENT_PODS_WORKER_CONTEXT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "agent/env/container_env.h"
#include "agent/images/image_puller.h"
#include "agent/observe/kubelet_metrics.h"
#include "agent/observe/observation.h"
#include "agent/pods/pod_runtime.h"
#include "agent/probes/probe_runs.h"
#include "agent/probes/prober.h"
#include "agent/resources/pod_cgroups.h"
#include "agent/status/status_writer.h"
#include "agent/sync/pod_files.h"
#include "agent/volumes/pod_volumes.h"
#include "base/clock.h"
#include "base/executor.h"
#include "cri/runtime.h"

namespace berth::agent {

struct WorkerContext {
  const PodRuntimeOptions& options;
  base::Clock& clock;
  base::Executor& executor;  // for what may take long: stops, pulls
  cri::Runtime& runtime;
  PodVolumes& volumes;
  ImagePuller& images;
  ObjectReader& objects;
  PodCgroups& cgroups;
  PodFiles& files;
  Prober& prober;
  ProbeRuns& probes;
  StatusWriter& statuses;
  // Look at this pod again, at once or after a while.
  std::function<void(const std::string& uid, absl::Duration delay)> poke;
  std::function<void(const api::core::v1::Pod& pod, std::string_view type, std::string_view reason,
                     std::string_view message, std::string_view container)>
      event;
  // What a worker knows of its pod now: events that say the same need no look.
  std::function<void(const PodObservation& seen)> observed;
  // False when the runtime certainly has nothing of this pod.
  std::function<bool(const std::string& uid)> in_runtime;
  // True when the runtime's network was ready the last time somebody looked.
  std::function<bool()> network_seen_ready;
  std::function<int64_t()> node_memory_bytes;
  // The runtime's handler for a RuntimeClass; NotFound when the class is not there.
  std::function<absl::StatusOr<std::string>(const std::string& runtime_class)> runtime_handler;
  KubeletMetrics* metrics = nullptr;  // null: not measured
  // The status of a static pod, for its mirror.
  std::function<void(const api::core::v1::Pod& pod, const api::core::v1::PodStatus& status)>
      mirror_status = [](const auto&, const auto&) {};
  // Why the node lets no such pod in now, whatever room there is for it.
  std::function<std::optional<PodVerdict>(const api::core::v1::Pod& pod)> keep_out =
      [](const auto&) { return std::nullopt; };
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_WORKER_CONTEXT_H_
