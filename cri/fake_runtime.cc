// SPDX-License-Identifier: Apache-2.0
#include "cri/fake_runtime.h"

#include <algorithm>
#include <set>

#include "absl/time/time.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::cri {

struct FakeRuntime::Sandbox {
  v1::PodSandboxStatus status;
  v1::PodSandboxConfig config;
};

struct FakeRuntime::Container {
  v1::ContainerStatus status;
  v1::ContainerConfig config;
  std::string sandbox_id;
};

struct FakeRuntime::State {
  std::map<std::string, Sandbox> sandboxes;
  std::map<std::string, Container> containers;
  std::map<std::string, v1::Image> images;
  std::set<std::string> pullable;
  std::map<std::string, Hook> hooks;
  std::map<std::string, std::pair<absl::Status, int>> failures;
  std::set<std::string> ignores_term;
  std::vector<std::string> calls;
  ExecHandler exec;
  int last_id = 0;
  int last_ip = 0;
};

namespace {

bool Selected(const google::protobuf::Map<std::string, std::string>& want,
              const google::protobuf::Map<std::string, std::string>& have) {
  return std::all_of(want.begin(), want.end(), [&](const auto& label) {
    const auto it = have.find(label.first);
    return it != have.end() && it->second == label.second;
  });
}

// Ids sort by age and look like the real thing: 64 characters.
std::string MakeId(std::string_view kind, int number) {
  std::string text = base::StrCat(number);
  return base::StrCat(kind, std::string(64 - kind.size() - text.size(), '0'), text);
}

}  // namespace

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

absl::Status FakeRuntime::ExecSync(const v1::ExecSyncRequest& request, v1::ExecSyncResponse& out,
                                   absl::Duration) {
  RETURN_IF_ERROR(Enter("ExecSync", request, base::Join(request.cmd(), " ")));
  ExecHandler exec;
  {
    base::MutexLock l(mu_);
    const auto it = state_->containers.find(request.container_id());
    if (it == state_->containers.end() || it->second.status.state() != v1::CONTAINER_RUNNING) {
      return base::NotFound("container ", request.container_id(), " is not running");
    }
    exec = state_->exec;
  }
  return exec ? exec(request, out) : absl::OkStatus();
}

absl::Status FakeRuntime::Exec(const v1::ExecRequest& request, v1::ExecResponse& out,
                               absl::Duration) {
  RETURN_IF_ERROR(Enter("Exec", request, ""));
  out.set_url("http://127.0.0.1:1/exec/token");
  return absl::OkStatus();
}

absl::Status FakeRuntime::Attach(const v1::AttachRequest& request, v1::AttachResponse& out,
                                 absl::Duration) {
  RETURN_IF_ERROR(Enter("Attach", request, ""));
  out.set_url("http://127.0.0.1:1/attach/token");
  return absl::OkStatus();
}

absl::Status FakeRuntime::PortForward(const v1::PortForwardRequest& request,
                                      v1::PortForwardResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("PortForward", request, ""));
  out.set_url("http://127.0.0.1:1/portforward/token");
  return absl::OkStatus();
}

absl::Status FakeRuntime::ListContainerStats(const v1::ListContainerStatsRequest& request,
                                             v1::ListContainerStatsResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ListContainerStats", request, ""));
  base::MutexLock l(mu_);
  for (const auto& [id, container] : state_->containers) {
    if (container.status.state() != v1::CONTAINER_RUNNING) continue;
    auto* attributes = out.add_stats()->mutable_attributes();
    attributes->set_id(id);
    *attributes->mutable_metadata() = container.status.metadata();
    *attributes->mutable_labels() = container.status.labels();
  }
  return absl::OkStatus();
}

absl::Status FakeRuntime::ListImages(const v1::ListImagesRequest& request,
                                     v1::ListImagesResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ListImages", request, ""));
  base::MutexLock l(mu_);
  for (const auto& [name, image] : state_->images) *out.add_images() = image;
  return absl::OkStatus();
}

absl::Status FakeRuntime::ImageStatus(const v1::ImageStatusRequest& request,
                                      v1::ImageStatusResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ImageStatus", request, request.image().image()));
  base::MutexLock l(mu_);
  for (const auto& [name, image] : state_->images) {
    if (name != request.image().image() && image.id() != request.image().image()) continue;
    *out.mutable_image() = image;
    break;
  }
  return absl::OkStatus();
}

absl::Status FakeRuntime::PullImage(const v1::PullImageRequest& request, v1::PullImageResponse& out,
                                    absl::Duration) {
  const std::string& reference = request.image().image();
  RETURN_IF_ERROR(Enter("PullImage", request, reference));
  bool present = false;
  {
    base::MutexLock l(mu_);
    present = state_->images.contains(reference);
    if (!present && !state_->pullable.contains(reference)) {
      return base::NotFound("failed to resolve reference \"", reference, "\": not found");
    }
  }
  if (!present) AddImage(reference);
  out.set_image_ref(base::StrCat("sha256:", reference));
  return absl::OkStatus();
}

absl::Status FakeRuntime::RemoveImage(const v1::RemoveImageRequest& request,
                                      v1::RemoveImageResponse&, absl::Duration) {
  RETURN_IF_ERROR(Enter("RemoveImage", request, request.image().image()));
  base::MutexLock l(mu_);
  std::erase_if(state_->images, [&](const auto& entry) {
    return entry.first == request.image().image() || entry.second.id() == request.image().image();
  });
  return absl::OkStatus();
}

absl::Status FakeRuntime::ImageFsInfo(const v1::ImageFsInfoRequest& request,
                                      v1::ImageFsInfoResponse& out, absl::Duration) {
  RETURN_IF_ERROR(Enter("ImageFsInfo", request, ""));
  out.add_image_filesystems()->mutable_fs_id()->set_mountpoint("/");
  return absl::OkStatus();
}

}  // namespace berth::cri
