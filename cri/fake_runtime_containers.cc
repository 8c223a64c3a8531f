// SPDX-License-Identifier: Apache-2.0
#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime.h"
#include "cri/fake_runtime_state.h"

namespace berth::cri {

absl::Status FakeRuntime::CreateContainer(const v1::CreateContainerRequest& request,
                                          v1::CreateContainerResponse& out, absl::Duration) {
  const auto& config = request.config();
  RETURN_IF_ERROR(Enter("CreateContainer", request, config.metadata().name()));
  {
    base::MutexLock l(mu_);
    const auto sandbox = state_->sandboxes.find(request.pod_sandbox_id());
    if (sandbox == state_->sandboxes.end() || sandbox->second.status.state() != v1::SANDBOX_READY) {
      return base::NotFound("no running task of sandbox ", request.pod_sandbox_id());
    }
    for (const auto& [id, other] : state_->containers) {
      if (other.sandbox_id == request.pod_sandbox_id() &&
          other.config.metadata().name() == config.metadata().name() &&
          other.config.metadata().attempt() == config.metadata().attempt()) {
        return base::AlreadyExists("container name ", config.metadata().name(), " is reserved for ",
                                   id);
      }
    }
    const std::string id = MakeId("c0", ++state_->last_id);
    Container& container = state_->containers[id];
    container.config = config;
    container.sandbox_id = request.pod_sandbox_id();
    v1::ContainerStatus& status = container.status;
    status.set_id(id);
    *status.mutable_metadata() = config.metadata();
    status.set_state(v1::CONTAINER_CREATED);
    status.set_created_at(absl::ToUnixNanos(clock_.Now()));
    *status.mutable_image() = config.image();
    status.set_image_ref(config.image().image());
    *status.mutable_labels() = config.labels();
    *status.mutable_annotations() = config.annotations();
    status.set_log_path(
        base::StrCat(sandbox->second.config.log_directory(), "/", config.log_path()));
    out.set_container_id(id);
  }
  Emit(EventKind::kCreated, out.container_id());
  return absl::OkStatus();
}

absl::Status FakeRuntime::StartContainer(const v1::StartContainerRequest& request,
                                         v1::StartContainerResponse&, absl::Duration) {
  RETURN_IF_ERROR(Enter("StartContainer", request, ""));
  {
    base::MutexLock l(mu_);
    const auto it = state_->containers.find(request.container_id());
    if (it == state_->containers.end()) {
      return base::NotFound("no container ", request.container_id());
    }
    if (it->second.status.state() != v1::CONTAINER_CREATED) {
      return base::FailedPrecondition("container is not in created state");
    }
    it->second.status.set_state(v1::CONTAINER_RUNNING);
    it->second.status.set_started_at(absl::ToUnixNanos(clock_.Now()));
  }
  Emit(EventKind::kStarted, request.container_id());
  return absl::OkStatus();
}

absl::Status FakeRuntime::StopContainer(const v1::StopContainerRequest& request,
                                        v1::StopContainerResponse&, absl::Duration) {
  std::string name;
  {
    base::MutexLock l(mu_);
    const auto it = state_->containers.find(request.container_id());
    if (it != state_->containers.end()) name = it->second.config.metadata().name();
  }
  RETURN_IF_ERROR(Enter("StopContainer", request, base::StrCat(name, " ", request.timeout())));
  {
    base::MutexLock l(mu_);
    const auto it = state_->containers.find(request.container_id());
    if (it == state_->containers.end() || it->second.status.state() != v1::CONTAINER_RUNNING) {
      return absl::OkStatus();
    }
    const bool killed = state_->ignores_term.contains(name);
    EndContainer(it->second, killed ? 137 : 143, "Error");
  }
  Emit(EventKind::kStopped, request.container_id());
  return absl::OkStatus();
}

absl::Status FakeRuntime::RemoveContainer(const v1::RemoveContainerRequest& request,
                                          v1::RemoveContainerResponse&, absl::Duration) {
  RETURN_IF_ERROR(Enter("RemoveContainer", request, ""));
  {
    base::MutexLock l(mu_);
    state_->containers.erase(request.container_id());
  }
  Emit(EventKind::kDeleted, request.container_id());
  return absl::OkStatus();
}

absl::Status FakeRuntime::ListContainers(const v1::ListContainersRequest& request,
                                         v1::ListContainersResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ListContainers", request, ""));
  base::MutexLock l(mu_);
  const auto& filter = request.filter();
  for (const auto& [id, container] : state_->containers) {
    const auto& status = container.status;
    if (!filter.id().empty() && filter.id() != id) continue;
    if (!filter.pod_sandbox_id().empty() && filter.pod_sandbox_id() != container.sandbox_id) {
      continue;
    }
    if (filter.has_state() && filter.state().state() != status.state()) continue;
    if (!Selected(filter.label_selector(), status.labels())) continue;
    auto* item = out.add_containers();
    item->set_id(id);
    item->set_pod_sandbox_id(container.sandbox_id);
    *item->mutable_metadata() = status.metadata();
    *item->mutable_image() = status.image();
    item->set_image_ref(status.image_ref());
    item->set_state(status.state());
    item->set_created_at(status.created_at());
    *item->mutable_labels() = status.labels();
    *item->mutable_annotations() = status.annotations();
  }
  return absl::OkStatus();
}

absl::Status FakeRuntime::ContainerStatus(const v1::ContainerStatusRequest& request,
                                          v1::ContainerStatusResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ContainerStatus", request, ""));
  base::MutexLock l(mu_);
  const auto it = state_->containers.find(request.container_id());
  if (it == state_->containers.end()) {
    return base::NotFound("no container ", request.container_id());
  }
  *out.mutable_status() = it->second.status;
  return absl::OkStatus();
}

absl::Status FakeRuntime::UpdateContainerResources(
    const v1::UpdateContainerResourcesRequest& request, v1::UpdateContainerResourcesResponse&,
    absl::Duration) {
  RETURN_IF_ERROR(Enter("UpdateContainerResources", request, ""));
  base::MutexLock l(mu_);
  const auto it = state_->containers.find(request.container_id());
  if (it == state_->containers.end()) {
    return base::NotFound("no container ", request.container_id());
  }
  *it->second.status.mutable_resources()->mutable_linux() = request.linux();
  return absl::OkStatus();
}

absl::Status FakeRuntime::ReopenContainerLog(const v1::ReopenContainerLogRequest& request,
                                             v1::ReopenContainerLogResponse&, absl::Duration) {
  return Enter("ReopenContainerLog", request, "");
}

}  // namespace berth::cri
