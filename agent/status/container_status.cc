// SPDX-License-Identifier: Apache-2.0
#include "agent/status/container_status.h"

#include <algorithm>

#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;
using api::core::v1::ContainerState;
using api::core::v1::ContainerStateTerminated;
using api::core::v1::ContainerStatus;

void SetTime(absl::Time time, api::Time& out) { out.set_seconds(absl::ToUnixSeconds(time)); }

// All messages of a pod together stay below 12 KiB: each container has its share.
std::string MessageOf(const api::core::v1::PodSpec& spec, const std::string& message) {
  constexpr size_t kAll = 12 << 10;
  const int containers =
      spec.containers_size() + spec.init_containers_size() + spec.ephemeral_containers_size();
  return message.substr(0, kAll / static_cast<size_t>(std::max(1, containers)));
}

void FillTerminated(const StatusInputs& in, const ObservedContainer& seen,
                    ContainerStateTerminated& out) {
  out.set_exit_code(seen.exit_code);
  out.set_reason(!seen.reason.empty() ? seen.reason : seen.exit_code == 0 ? "Completed" : "Error");
  if (!seen.message.empty()) out.set_message(MessageOf(in.pod.spec(), seen.message));
  SetTime(seen.started_at, *out.mutable_started_at());
  SetTime(seen.finished_at, *out.mutable_finished_at());
  out.set_container_id(base::StrCat(in.runtime_name, "://", seen.id));
}

// What the API believed to run and the runtime does not know any more.
void FillUnknown(const StatusInputs& in, ContainerStateTerminated& out) {
  out.set_exit_code(137);
  out.set_reason("ContainerStatusUnknown");
  out.set_message(in.terminating
                      ? "The container could not be located when the pod was terminated"
                      : "The container could not be located when the pod was deleted.  The "
                        "container used to be Running");
}

void FillResources(const Container& container, ContainerStatus& out) {
  if (container.resources().limits().empty() && container.resources().requests().empty()) {
    out.mutable_resources();
    return;
  }
  *out.mutable_resources()->mutable_limits() = container.resources().limits();
  *out.mutable_resources()->mutable_requests() = container.resources().requests();
  *out.mutable_allocated_resources() = container.resources().requests();
}

void FillMounts(const Container& container, ContainerStatus& out) {
  for (const auto& mount : container.volume_mounts()) {
    auto* to = out.add_volume_mounts();
    to->set_name(mount.name());
    to->set_mount_path(mount.mount_path());
    if (mount.read_only()) {
      to->set_read_only(true);
      to->set_recursive_read_only("Disabled");
    }
  }
}

class Builder {
 public:
  Builder(const StatusInputs& in, const Container& container, ContainerKind kind,
          const ContainerStatus* old, bool init_done)
      : in_(in), container_(container), kind_(kind), old_(old), init_done_(init_done) {}

  ContainerStatus Build() {
    out_.set_name(container_.name());
    out_.set_image(container_.image());
    out_.set_image_id("");
    out_.set_ready(false);
    out_.set_restart_count(0);
    const ObservedContainer* latest = in_.seen.Latest(container_.name());
    if (latest == nullptr) {
      NotThere();
    } else {
      There(*latest);
    }
    if (kind_ != ContainerKind::kEphemeral) FillResources(container_, out_);
    FillMounts(container_, out_);
    return std::move(out_);
  }

 private:
  const Waiting* WaitingReason() const {
    const auto it = in_.waiting.find(container_.name());
    return it == in_.waiting.end() ? nullptr : &it->second;
  }

  void SetWaiting(const Waiting& waiting) {
    auto* state = out_.mutable_state()->mutable_waiting();
    state->set_reason(waiting.reason);
    if (!waiting.message.empty()) state->set_message(waiting.message);
  }

  void NotThere() {
    out_.set_started(false);
    if (old_ != nullptr && old_->has_state() && !old_->state().has_waiting()) {
      // The runtime has forgotten it; the API is the last to know how it ended.
      out_.set_restart_count(old_->restart_count());
      out_.set_image(old_->image());
      out_.set_image_id(old_->image_id());
      out_.set_container_id(old_->container_id());
      *out_.mutable_last_state() = old_->last_state();
      if (old_->state().has_terminated()) {
        *out_.mutable_state() = old_->state();
        out_.set_ready(kind_ == ContainerKind::kInit &&
                       old_->state().terminated().exit_code() == 0);
      } else if (in_.terminating) {
        FillUnknown(in_, *out_.mutable_state()->mutable_terminated());
      } else {
        FillUnknown(in_, *out_.mutable_last_state()->mutable_terminated());
        SetWaiting({"ContainerCreating", ""});
      }
      return;
    }
    if (in_.terminating && !in_.seen.AnyRunning()) {
      FillUnknown(in_, *out_.mutable_state()->mutable_terminated());
      return;
    }
    if (const Waiting* waiting = WaitingReason()) {
      SetWaiting(*waiting);
      return;
    }
    const bool initializing = kind_ == ContainerKind::kApp && !init_done_;
    SetWaiting({initializing ||
                        (kind_ == ContainerKind::kInit && in_.pod.spec().init_containers_size() > 0)
                    ? "PodInitializing"
                    : "ContainerCreating",
                ""});
  }

  void There(const ObservedContainer& latest) {
    out_.set_restart_count(latest.restart_count);
    if (!latest.image.empty()) out_.set_image(latest.image);
    out_.set_image_id(latest.image_id);
    out_.set_container_id(base::StrCat(in_.runtime_name, "://", latest.id));
    const ObservedContainer* before = in_.seen.Latest(container_.name(), 1);
    switch (latest.phase) {
      case ContainerPhase::kRunning:
        SetTime(latest.started_at, *out_.mutable_state()->mutable_running()->mutable_started_at());
        Running(latest);
        break;
      case ContainerPhase::kExited:
        Exited(latest);
        return;
      case ContainerPhase::kCreated:
      case ContainerPhase::kUnknown:
        out_.set_started(false);
        SetWaiting(WaitingReason() != nullptr ? *WaitingReason()
                                              : Waiting{"ContainerCreating", ""});
        break;
    }
    SetLast(before);
  }

  void Running(const ObservedContainer& latest) {
    const bool started = in_.probes.started.contains(latest.id);
    // Its hook has not ended yet, or not well.
    if (const Waiting* waiting = WaitingReason(); waiting != nullptr && !in_.terminating) {
      out_.clear_state();
      SetWaiting(*waiting);
    }
    out_.set_started(started);
    const bool plain_init = kind_ == ContainerKind::kInit && !IsSidecar(container_);
    out_.set_ready(kind_ != ContainerKind::kEphemeral && !plain_init && started &&
                   in_.ready(latest.id));
  }

  void Exited(const ObservedContainer& latest) {
    out_.set_started(false);
    const Waiting* waiting = WaitingReason();
    // Waiting for the next start, with the end of this one as the last state.
    if (waiting != nullptr && !in_.terminating) {
      SetWaiting(*waiting);
      FillTerminated(in_, latest, *out_.mutable_last_state()->mutable_terminated());
      return;
    }
    FillTerminated(in_, latest, *out_.mutable_state()->mutable_terminated());
    out_.set_ready(kind_ == ContainerKind::kInit && latest.exit_code == 0 &&
                   !IsSidecar(container_));
    SetLast(in_.seen.Latest(container_.name(), 1));
  }

  void SetLast(const ObservedContainer* before) {
    if (before != nullptr && before->phase == ContainerPhase::kExited) {
      FillTerminated(in_, *before, *out_.mutable_last_state()->mutable_terminated());
    } else if (old_ != nullptr && old_->last_state().has_terminated() &&
               old_->restart_count() == out_.restart_count()) {
      *out_.mutable_last_state() = old_->last_state();
    } else {
      out_.mutable_last_state();
    }
  }

  const StatusInputs& in_;
  const Container& container_;
  const ContainerKind kind_;
  const ContainerStatus* old_;
  const bool init_done_;
  ContainerStatus out_;
};

}  // namespace

ContainerStatus ComputeContainerStatus(const StatusInputs& in, const Container& container,
                                       ContainerKind kind, const ContainerStatus* old,
                                       bool init_done) {
  return Builder(in, container, kind, old, init_done).Build();
}

}  // namespace berth::agent
