// SPDX-License-Identifier: Apache-2.0
#include "cri/fake_runtime.h"

#include <algorithm>

#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/fake_runtime_state.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::cri {

class FakeRuntime::Source : public EventSource {
 public:
  explicit Source(FakeRuntime& runtime) : runtime_(runtime) {}
  ~Source() override { Stop(); }
  void Start(Handler handler) override {
    handler({EventKind::kConnected, ""});
    base::MutexLock l(runtime_.events_mu_);
    runtime_.handler_ = std::move(handler);
  }
  void Stop() override {
    base::MutexLock l(runtime_.events_mu_);
    runtime_.handler_ = nullptr;
  }

 private:
  FakeRuntime& runtime_;
};

FakeRuntime::FakeRuntime(base::Clock& clock) : clock_(clock), state_(std::make_unique<State>()) {}
FakeRuntime::~FakeRuntime() = default;

std::unique_ptr<EventSource> FakeRuntime::MakeEventSource() {
  return std::make_unique<Source>(*this);
}

void FakeRuntime::Emit(EventKind kind, const std::string& id) {
  EventSource::Handler handler;
  {
    base::MutexLock l(events_mu_);
    handler = handler_;
  }
  if (handler) handler({kind, id});
}

absl::Status FakeRuntime::Enter(std::string_view method, const google::protobuf::Message& request,
                                std::string log) {
  Hook hook;
  {
    base::MutexLock l(mu_);
    state_->calls.push_back(log.empty() ? std::string(method) : base::StrCat(method, " ", log));
    if (const auto it = state_->hooks.find(std::string(method)); it != state_->hooks.end()) {
      hook = it->second;
    }
    const auto failure = state_->failures.find(std::string(method));
    if (failure != state_->failures.end() && failure->second.second > 0) {
      --failure->second.second;
      return failure->second.first;
    }
  }
  return hook ? hook(request) : absl::OkStatus();
}

void FakeRuntime::SetHook(std::string_view method, Hook hook) {
  base::MutexLock l(mu_);
  state_->hooks[std::string(method)] = std::move(hook);
}

void FakeRuntime::FailNext(std::string_view method, absl::Status status, int times) {
  base::MutexLock l(mu_);
  state_->failures[std::string(method)] = {std::move(status), times};
}

void FakeRuntime::SetExec(ExecHandler exec) {
  base::MutexLock l(mu_);
  state_->exec = std::move(exec);
}

void FakeRuntime::AddImage(std::string_view reference, std::string_view user) {
  base::MutexLock l(mu_);
  v1::Image& image = state_->images[std::string(reference)];
  image.set_id(base::StrCat("sha256:", reference));
  image.add_repo_tags(std::string(reference));
  image.set_size(1000);
  if (const auto uid = base::ParseInt<int64_t>(user)) {
    image.mutable_uid()->set_value(*uid);
  } else {
    image.set_username(std::string(user));
  }
}

void FakeRuntime::AddPullableImage(std::string_view reference) {
  base::MutexLock l(mu_);
  state_->pullable.insert(std::string(reference));
}

void FakeRuntime::EndContainer(Container& container, int code, std::string_view reason) {
  v1::ContainerStatus& status = container.status;
  status.set_state(v1::CONTAINER_EXITED);
  status.set_exit_code(code);
  status.set_finished_at(absl::ToUnixNanos(clock_.Now()));
  status.set_reason(!reason.empty() ? std::string(reason) : code == 0 ? "Completed" : "Error");
}

void FakeRuntime::Exit(std::string_view container_id, int code, std::string_view reason) {
  {
    base::MutexLock l(mu_);
    const auto it = state_->containers.find(std::string(container_id));
    if (it == state_->containers.end() || it->second.status.state() != v1::CONTAINER_RUNNING) {
      return;
    }
    EndContainer(it->second, code, reason);
  }
  Emit(EventKind::kStopped, std::string(container_id));
}

void FakeRuntime::KillSandbox(std::string_view sandbox_id) {
  {
    base::MutexLock l(mu_);
    const auto it = state_->sandboxes.find(std::string(sandbox_id));
    if (it == state_->sandboxes.end()) return;
    it->second.status.set_state(v1::SANDBOX_NOTREADY);
    it->second.status.mutable_network()->Clear();
    for (auto& [id, container] : state_->containers) {
      if (container.sandbox_id == sandbox_id && container.status.state() == v1::CONTAINER_RUNNING) {
        EndContainer(container, 137, "Error");
      }
    }
  }
  Emit(EventKind::kStopped, std::string(sandbox_id));
}

void FakeRuntime::IgnoreTerm(std::string_view container_name) {
  base::MutexLock l(mu_);
  state_->ignores_term.insert(std::string(container_name));
}

std::vector<std::string> FakeRuntime::Calls() const {
  base::MutexLock l(mu_);
  return state_->calls;
}

void FakeRuntime::ClearCalls() {
  base::MutexLock l(mu_);
  state_->calls.clear();
}

std::string FakeRuntime::FindContainer(std::string_view name) const {
  base::MutexLock l(mu_);
  std::string found;
  for (const auto& [id, container] : state_->containers) {
    if (container.config.metadata().name() == name) found = id;
  }
  return found;
}

std::string FakeRuntime::FindSandbox(std::string_view pod_uid) const {
  base::MutexLock l(mu_);
  std::string found;
  for (const auto& [id, sandbox] : state_->sandboxes) {
    if (sandbox.config.metadata().uid() == pod_uid) found = id;
  }
  return found;
}

size_t FakeRuntime::running() const {
  base::MutexLock l(mu_);
  return static_cast<size_t>(std::count_if(
      state_->containers.begin(), state_->containers.end(),
      [](const auto& entry) { return entry.second.status.state() == v1::CONTAINER_RUNNING; }));
}

size_t FakeRuntime::containers() const {
  base::MutexLock l(mu_);
  return state_->containers.size();
}

size_t FakeRuntime::sandboxes() const {
  base::MutexLock l(mu_);
  return state_->sandboxes.size();
}

std::string FakeRuntime::ContainerConfigText(std::string_view container_id) const {
  base::MutexLock l(mu_);
  const auto it = state_->containers.find(std::string(container_id));
  return it == state_->containers.end() ? "" : it->second.config.DebugString();
}

absl::Status FakeRuntime::Version(const v1::VersionRequest& request, v1::VersionResponse& out,
                                  absl::Duration) {
  RETURN_IF_ERROR(Enter("Version", request, ""));
  out.set_version("0.1.0");
  out.set_runtime_name("fake");
  out.set_runtime_version("1.0");
  out.set_runtime_api_version("v1");
  return absl::OkStatus();
}

absl::Status FakeRuntime::Status(const v1::StatusRequest& request, v1::StatusResponse& out,
                                 absl::Duration) {
  RETURN_IF_ERROR(Enter("Status", request, ""));
  for (const char* type : {"RuntimeReady", "NetworkReady"}) {
    auto* condition = out.mutable_status()->add_conditions();
    condition->set_type(type);
    condition->set_status(true);
  }
  return absl::OkStatus();
}

absl::Status FakeRuntime::RuntimeConfig(const v1::RuntimeConfigRequest& request,
                                        v1::RuntimeConfigResponse&, absl::Duration) {
  RETURN_IF_ERROR(Enter("RuntimeConfig", request, ""));
  return absl::UnimplementedError("unknown method RuntimeConfig");
}

absl::Status FakeRuntime::UpdateRuntimeConfig(const v1::UpdateRuntimeConfigRequest& request,
                                              v1::UpdateRuntimeConfigResponse&, absl::Duration) {
  return Enter("UpdateRuntimeConfig", request,
               request.runtime_config().network_config().pod_cidr());
}

absl::Status FakeRuntime::RunPodSandbox(const v1::RunPodSandboxRequest& request,
                                        v1::RunPodSandboxResponse& out, absl::Duration) {
  const auto& metadata = request.config().metadata();
  RETURN_IF_ERROR(
      Enter("RunPodSandbox", request, base::StrCat(metadata.namespace_(), "/", metadata.name())));
  {
    base::MutexLock l(mu_);
    for (const auto& [id, sandbox] : state_->sandboxes) {
      const auto& other = sandbox.config.metadata();
      if (other.uid() == metadata.uid() && other.attempt() == metadata.attempt()) {
        return base::AlreadyExists("sandbox name of pod ", metadata.uid(), " is reserved for ", id);
      }
    }
    const std::string id = MakeId("5b", ++state_->last_id);
    Sandbox& sandbox = state_->sandboxes[id];
    sandbox.config = request.config();
    v1::PodSandboxStatus& status = sandbox.status;
    status.set_id(id);
    *status.mutable_metadata() = metadata;
    status.set_state(v1::SANDBOX_READY);
    status.set_created_at(absl::ToUnixNanos(clock_.Now()));
    *status.mutable_labels() = request.config().labels();
    *status.mutable_annotations() = request.config().annotations();
    const auto& options = request.config().linux().security_context().namespace_options();
    *status.mutable_linux()->mutable_namespaces()->mutable_options() = options;
    if (options.network() != v1::NODE) {
      status.mutable_network()->set_ip(base::StrCat("10.0.0.", ++state_->last_ip));
    }
    out.set_pod_sandbox_id(id);
  }
  Emit(EventKind::kStarted, out.pod_sandbox_id());
  return absl::OkStatus();
}

absl::Status FakeRuntime::StopPodSandbox(const v1::StopPodSandboxRequest& request,
                                         v1::StopPodSandboxResponse&, absl::Duration) {
  RETURN_IF_ERROR(Enter("StopPodSandbox", request, ""));
  KillSandbox(request.pod_sandbox_id());
  return absl::OkStatus();
}

absl::Status FakeRuntime::RemovePodSandbox(const v1::RemovePodSandboxRequest& request,
                                           v1::RemovePodSandboxResponse&, absl::Duration) {
  RETURN_IF_ERROR(Enter("RemovePodSandbox", request, ""));
  KillSandbox(request.pod_sandbox_id());
  {
    base::MutexLock l(mu_);
    std::erase_if(state_->containers, [&](const auto& entry) {
      return entry.second.sandbox_id == request.pod_sandbox_id();
    });
    state_->sandboxes.erase(request.pod_sandbox_id());
  }
  Emit(EventKind::kDeleted, request.pod_sandbox_id());
  return absl::OkStatus();
}

absl::Status FakeRuntime::PodSandboxStatus(const v1::PodSandboxStatusRequest& request,
                                           v1::PodSandboxStatusResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("PodSandboxStatus", request, ""));
  base::MutexLock l(mu_);
  const auto it = state_->sandboxes.find(request.pod_sandbox_id());
  if (it == state_->sandboxes.end()) {
    return base::NotFound("no sandbox ", request.pod_sandbox_id());
  }
  *out.mutable_status() = it->second.status;
  return absl::OkStatus();
}

absl::Status FakeRuntime::ListPodSandbox(const v1::ListPodSandboxRequest& request,
                                         v1::ListPodSandboxResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ListPodSandbox", request, ""));
  base::MutexLock l(mu_);
  const auto& filter = request.filter();
  for (const auto& [id, sandbox] : state_->sandboxes) {
    const auto& status = sandbox.status;
    if (!filter.id().empty() && filter.id() != id) continue;
    if (filter.has_state() && filter.state().state() != status.state()) continue;
    if (!Selected(filter.label_selector(), status.labels())) continue;
    auto* item = out.add_items();
    item->set_id(id);
    *item->mutable_metadata() = status.metadata();
    item->set_state(status.state());
    item->set_created_at(status.created_at());
    *item->mutable_labels() = status.labels();
    *item->mutable_annotations() = status.annotations();
  }
  return absl::OkStatus();
}

}  // namespace berth::cri
