// SPDX-License-Identifier: Apache-2.0
#include "agent/observe/read_pod.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "agent/observe/termination_message.h"
#include "agent/sync/names.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using StringTable = google::protobuf::Map<std::string, std::string>;

std::string Find(const StringTable& table, const char* key) {
  const auto it = table.find(key);
  return it == table.end() ? "" : it->second;
}

absl::Time Nanos(int64_t ns) { return ns <= 0 ? absl::Time() : absl::FromUnixNanos(ns); }

ContainerPhase PhaseOf(cri::v1::ContainerState state) {
  switch (state) {
    case cri::v1::CONTAINER_CREATED:
      return ContainerPhase::kCreated;
    case cri::v1::CONTAINER_RUNNING:
      return ContainerPhase::kRunning;
    case cri::v1::CONTAINER_EXITED:
      return ContainerPhase::kExited;
    default:
      return ContainerPhase::kUnknown;
  }
}

ObservedContainer FromStatus(const cri::v1::ContainerStatus& status, const std::string& sandbox) {
  ObservedContainer out;
  out.id = status.id();
  out.name = status.metadata().name();
  out.sandbox_id = sandbox;
  out.phase = PhaseOf(status.state());
  out.hash = Find(status.annotations(), kAnnotationHash);
  out.restart_count = base::ParseInt<int>(Find(status.annotations(), kAnnotationRestartCount))
                          .value_or(static_cast<int>(status.metadata().attempt()));
  out.image = status.image().user_specified_image().empty() ? status.image().image()
                                                            : status.image().user_specified_image();
  out.image_id = status.image_ref();
  out.log_path = status.log_path();
  out.created_at = Nanos(status.created_at());
  out.started_at = Nanos(status.started_at());
  out.finished_at = Nanos(status.finished_at());
  out.exit_code = status.exit_code();
  out.reason = status.reason();
  out.message = status.message();
  if (out.phase == ContainerPhase::kExited) {
    const std::string path = Find(status.annotations(), kAnnotationMessagePath);
    for (const auto& mount : status.mounts()) {
      if (path.empty() || mount.container_path() != path) continue;
      const bool logs =
          Find(status.annotations(), kAnnotationMessagePolicy) == "FallbackToLogsOnError" &&
          out.exit_code != 0;
      const std::string message =
          ReadTerminationMessage(mount.host_path(), logs ? out.log_path : "");
      if (!message.empty()) out.message = message;
    }
  }
  return out;
}

ObservedSandbox FromSandbox(const cri::v1::PodSandbox& item) {
  ObservedSandbox out;
  out.id = item.id();
  out.attempt = item.metadata().attempt();
  out.ready = item.state() == cri::v1::SANDBOX_READY;
  out.created_at = Nanos(item.created_at());
  return out;
}

}  // namespace

absl::StatusOr<ObservedSandbox> ReadSandbox(cri::Runtime& runtime, const std::string& id,
                                            absl::Duration timeout) {
  cri::v1::PodSandboxStatusRequest request;
  request.set_pod_sandbox_id(id);
  cri::v1::PodSandboxStatusResponse response;
  RETURN_IF_ERROR(runtime.PodSandboxStatus(request, response, timeout), "status of sandbox ", id);
  const auto& answer = response.status();
  ObservedSandbox sandbox;
  sandbox.id = id;
  sandbox.attempt = answer.metadata().attempt();
  sandbox.ready = answer.state() == cri::v1::SANDBOX_READY;
  sandbox.created_at = Nanos(answer.created_at());
  sandbox.host_network =
      answer.linux().namespaces().options().network() == cri::v1::NamespaceMode::NODE;
  if (!answer.network().ip().empty()) sandbox.ips.push_back(answer.network().ip());
  for (const auto& more : answer.network().additional_ips()) sandbox.ips.push_back(more.ip());
  return sandbox;
}

absl::StatusOr<ObservedContainer> ReadContainer(cri::Runtime& runtime, const std::string& id,
                                                const std::string& sandbox_id,
                                                absl::Duration timeout) {
  cri::v1::ContainerStatusRequest request;
  request.set_container_id(id);
  cri::v1::ContainerStatusResponse response;
  RETURN_IF_ERROR(runtime.ContainerStatus(request, response, timeout), "status of container ", id);
  return FromStatus(response.status(), sandbox_id);
}

RuntimePod StatesOf(const PodObservation& seen) {
  RuntimePod pod{seen.namespace_, seen.name, {}};
  for (const auto& sandbox : seen.sandboxes) {
    pod.states[sandbox.id] = sandbox.ready ? ContainerPhase::kRunning : ContainerPhase::kExited;
  }
  for (const auto& container : seen.containers) pod.states[container.id] = container.phase;
  return pod;
}

absl::StatusOr<PodObservation> ReadPod(cri::Runtime& runtime, std::string_view uid,
                                       absl::Duration timeout) {
  PodObservation seen;
  seen.uid = std::string(uid);
  cri::v1::ListPodSandboxRequest list_sandboxes;
  (*list_sandboxes.mutable_filter()->mutable_label_selector())[kLabelPodUid] = seen.uid;
  cri::v1::ListPodSandboxResponse sandboxes;
  RETURN_IF_ERROR(runtime.ListPodSandbox(list_sandboxes, sandboxes, timeout),
                  "listing sandboxes of pod ", uid);
  cri::v1::ListContainersRequest list_containers;
  (*list_containers.mutable_filter()->mutable_label_selector())[kLabelPodUid] = seen.uid;
  cri::v1::ListContainersResponse containers;
  RETURN_IF_ERROR(runtime.ListContainers(list_containers, containers, timeout),
                  "listing containers of pod ", uid);
  for (const auto& item : sandboxes.items()) {
    seen.namespace_ = item.metadata().namespace_();
    seen.name = item.metadata().name();
    seen.sandboxes.push_back(FromSandbox(item));
  }
  std::sort(seen.sandboxes.begin(), seen.sandboxes.end(), [](const auto& a, const auto& b) {
    return std::pair(a.created_at, a.attempt) > std::pair(b.created_at, b.attempt);
  });
  // Only the newest one's addresses and network mode are of interest.
  if (!seen.sandboxes.empty()) {
    ObservedSandbox& newest = seen.sandboxes.front();
    auto sandbox = ReadSandbox(runtime, newest.id, timeout);
    if (sandbox.ok()) {
      newest = *std::move(sandbox);
    } else if (absl::IsNotFound(sandbox.status())) {
      newest.ready = false;
    } else {
      return sandbox.status();
    }
  }
  for (const auto& item : containers.containers()) {
    auto container = ReadContainer(runtime, item.id(), item.pod_sandbox_id(), timeout);
    if (absl::IsNotFound(container.status())) continue;
    RETURN_IF_ERROR(container.status());
    seen.containers.push_back(*std::move(container));
    if (const auto grace = base::ParseInt<int64_t>(Find(item.annotations(), kAnnotationPodGrace))) {
      seen.grace = absl::Seconds(*grace);
    }
  }
  std::sort(seen.containers.begin(), seen.containers.end(), [](const auto& a, const auto& b) {
    return std::pair(a.created_at, a.restart_count) > std::pair(b.created_at, b.restart_count);
  });
  return seen;
}

absl::StatusOr<std::map<std::string, RuntimePod>> ListPods(cri::Runtime& runtime,
                                                           absl::Duration timeout) {
  std::map<std::string, RuntimePod> pods;
  cri::v1::ListPodSandboxResponse sandboxes;
  RETURN_IF_ERROR(runtime.ListPodSandbox({}, sandboxes, timeout), "listing sandboxes");
  cri::v1::ListContainersResponse containers;
  RETURN_IF_ERROR(runtime.ListContainers({}, containers, timeout), "listing containers");
  const auto add = [&](const StringTable& labels, const std::string& id, ContainerPhase state) {
    const std::string uid = Find(labels, kLabelPodUid);
    if (uid.empty()) return;
    RuntimePod& pod = pods[uid];
    pod.namespace_ = Find(labels, kLabelPodNamespace);
    pod.name = Find(labels, kLabelPodName);
    pod.states[id] = state;
  };
  for (const auto& item : sandboxes.items()) {
    add(item.labels(), item.id(),
        item.state() == cri::v1::SANDBOX_READY ? ContainerPhase::kRunning
                                               : ContainerPhase::kExited);
  }
  for (const auto& item : containers.containers()) {
    add(item.labels(), item.id(), PhaseOf(item.state()));
  }
  return pods;
}

}  // namespace berth::agent
