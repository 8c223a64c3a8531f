// SPDX-License-Identifier: Apache-2.0
// How a pod's sandbox and containers come to be.
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "agent/observe/read_pod.h"
#include "agent/pods/pod_worker.h"
#include "agent/sync/container_config.h"
#include "agent/sync/container_spec.h"
#include "agent/sync/dns.h"
#include "agent/sync/sandbox_config.h"
#include "api/object.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;

constexpr absl::Duration kVolumeTimeout = absl::Seconds(123);
constexpr absl::Duration kPullTimeout = absl::Hours(1);
constexpr size_t kLongestHostname = 64;  // the kernel's
constexpr absl::Duration kAfterPullError = absl::Seconds(5);
constexpr absl::Duration kAfterConfigError = absl::Seconds(10);
constexpr absl::Duration kNotYetRemoved = absl::Milliseconds(200);

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// One more than the instances whose logs lie there: "2.log", "2.log.20260102-150405.gz".
int CountByLogs(const std::string& folder) {
  int next = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename();
    const size_t dot = name.find(".log");
    const auto count = base::ParseInt<int>(std::string_view(name).substr(0, dot));
    if (dot != name.npos && count.has_value() && *count >= 0) next = std::max(next, *count + 1);
  }
  return next;
}

SecurityOptions SecurityOf(const PodRuntimeOptions& options) {
  return {base::StrCat(options.root_dir, "/seccomp"), options.seccomp_default};
}

bool IsReserved(const absl::Status& status) {
  return absl::IsAlreadyExists(status) ||
         status.message().find("is reserved for") != absl::string_view::npos;
}

}  // namespace

template <class Part>
absl::Status PodWorker::Note(absl::StatusOr<Part> part) {
  if (!part.ok()) {
    RuntimeChanged();
    return part.status();
  }
  seen_.Put(*std::move(part));
  Seeing();
  return absl::OkStatus();
}

bool PodWorker::Execute(const PodActions& actions) {
  if (!actions.kill_sandbox.empty() || actions.create_sandbox) {
    const absl::Status status = ReplaceSandbox(actions);
    if (absl::IsFailedPrecondition(status)) return false;  // whatever it waits for pokes the pod
    if (!status.ok()) Retry("making the sandbox", status);
    return status.ok();
  }
  for (const auto& kill : actions.kill) Kill(kill, kill.grace.value_or(Grace()));
  bool progress = false;
  for (const auto& start : actions.start) {
    // One after the other, each with its hook.
    if (start.kind != ContainerKind::kEphemeral && !RunningHooks().empty()) continue;
    const bool started = StartContainer(start);
    progress = progress || started;
  }
  if (progress) {
    failures_ = 0;
    return true;
  }
  Publish(false);
  Resync();
  return false;
}

absl::Status PodWorker::ReplaceSandbox(const PodActions& actions) {
  const ObservedSandbox* latest = seen_.LatestSandbox();
  if (latest != nullptr) {
    if (seen_.AnyRunning()) {
      if (actions.create_sandbox) {
        context_.event(*pod_, "Normal", "SandboxChanged",
                       "Pod sandbox changed, it will be killed and re-created.", "");
      }
      KillAll();
      return base::FailedPrecondition("containers are being stopped");
    }
    stop_began_ = absl::InfinitePast();
    RuntimeChanged();
    RETURN_IF_ERROR(StopSandboxes());
  }
  if (!actions.create_sandbox) return absl::OkStatus();
  return CreateSandbox(actions.sandbox_attempt + static_cast<uint32_t>(count_bump_[""]));
}

absl::Status PodWorker::EnsureVolumes() {
  const auto mounted = context_.volumes.SetUp(*pod_, kVolumeTimeout);
  if (!mounted.ok()) {
    context_.event(*pod_, "Warning", "FailedMount", base::Message(mounted.status()), "");
    return mounted.status();
  }
  volumes_ = *mounted;
  volumes_at_ = context_.clock.Now();
  return absl::OkStatus();
}

::runtime::v1::PodSandboxConfig PodWorker::SandboxConfig(uint32_t attempt, std::string* warning) {
  const PodRuntimeOptions& options = context_.options;
  SandboxInputs inputs;
  inputs.attempt = attempt;
  inputs.cgroup_parent = cgroup_parent_;
  inputs.pod_logs_dir = options.pod_logs_dir;
  inputs.cluster_domain = options.cluster_domain;
  const Resolver host =
      options.resolv_conf.empty() ? Resolver{} : ParseResolvConf(ReadText(options.resolv_conf));
  inputs.resolver =
      ResolverFor(*pod_, {options.cluster_dns, options.cluster_domain}, host, warning);
  inputs.security = SecurityOf(options);
  return MakeSandboxConfig(*pod_, inputs);
}

absl::Status PodWorker::CreateSandbox(uint32_t attempt) {
  MeasureFirstCall();
  if (!pod_->spec().host_network() && !context_.network_seen_ready()) {
    cri::v1::StatusResponse status;
    RETURN_IF_ERROR(context_.runtime.Status({}, status, context_.options.runtime_request_timeout));
    for (const auto& condition : status.status().conditions()) {
      if (condition.type() != "NetworkReady" || condition.status()) continue;
      const std::string message = base::StrCat(
          "network is not ready: container runtime network not ready: "
          "NetworkReady=false reason:",
          condition.reason(), " message:", condition.message());
      context_.event(*pod_, "Warning", "NetworkNotReady", message, "");
      context_.poke(uid_, absl::Seconds(1));
      return base::FailedPrecondition(message);
    }
  }
  ASSIGN_OR_RETURN(cgroup_parent_, context_.cgroups.EnsurePod(*pod_));
  RETURN_IF_ERROR(context_.files.MakeDirs(*pod_));
  RETURN_IF_ERROR(EnsureVolumes());
  const std::string fqdn = FqdnOf(*pod_, context_.options.cluster_domain);
  if (pod_->spec().set_hostname_as_fqdn() && fqdn.size() > kLongestHostname) {
    const absl::Status error = base::InvalidArgument(
        "failed to construct FQDN from pod hostname and cluster domain, FQDN ", fqdn,
        " is too long (", kLongestHostname, " characters is the max, ", fqdn.size(),
        " characters requested)");
    context_.event(*pod_, "Warning", "FailedCreatePodSandBox",
                   base::StrCat("Failed to create pod sandbox: ", error.message()), "");
    return error;
  }
  cri::v1::RunPodSandboxRequest request;
  std::string dns_warning;
  *request.mutable_config() = SandboxConfig(attempt, &dns_warning);
  if (!dns_warning.empty()) {
    context_.event(*pod_, "Warning",
                   context_.options.cluster_dns.empty() ? "MissingClusterDNS" : "DNSConfigForming",
                   dns_warning, "");
  }
  if (!pod_->spec().runtime_class_name().empty()) {
    auto handler = context_.runtime_handler(pod_->spec().runtime_class_name());
    if (!handler.ok()) {
      context_.event(*pod_, "Warning", "FailedCreatePodSandBox",
                     base::StrCat("Failed to create pod sandbox: ", handler.status().message()),
                     "");
      return handler.status();
    }
    request.set_runtime_handler(*std::move(handler));
  }
  if (attempt == 0) Measure(&KubeletMetrics::SandboxCall);
  cri::v1::RunPodSandboxResponse response;
  const absl::Status status = context_.runtime.RunPodSandbox(
      request, response, 2 * context_.options.runtime_request_timeout);
  if (!status.ok()) {
    // A sandbox that the runtime lost halfway still holds its name.
    if (IsReserved(status)) ++count_bump_[""];
    const std::string message = base::StrCat("Failed to create pod sandbox: ", status.message());
    context_.event(*pod_, "Warning", "FailedCreatePodSandBox", message, "");
    return status;
  }
  RETURN_IF_ERROR(Note(ReadSandbox(context_.runtime, response.pod_sandbox_id(),
                                   context_.options.runtime_request_timeout)));
  BERTH_INFO("sandbox made", {"pod", api::KeyOf(*pod_)}, {"sandbox", response.pod_sandbox_id()});
  return absl::OkStatus();
}

// True when the image is there. Otherwise a pull runs, or the reason to wait is noted.
bool PodWorker::ImageReady(const Container& container, std::string& image_ref) {
  const std::string pull = base::StrCat(container.name(), " ", container.image());
  const auto after = pull_after_.find(pull);
  if (after != pull_after_.end()) {
    const absl::Duration left = after->second - context_.clock.Now();
    if (left > absl::ZeroDuration()) {
      context_.poke(uid_, left);
      return false;
    }
    pull_after_.erase(after);
  }
  std::optional<ImageResult> result;
  {
    base::MutexLock l(mu_);
    const auto it = pulls_.find(container.name());
    if (it != pulls_.end()) {
      if (it->second.running) return false;
      if (it->second.image == container.image()) result = it->second.result;
      pulls_.erase(it);
    }
    if (!result.has_value()) {
      // One pull of a pod at a time.
      const bool busy = std::any_of(pulls_.begin(), pulls_.end(),
                                    [](const auto& pull) { return pull.second.running; });
      if (busy) return false;
      pulls_[container.name()] = Pull{true, container.image(), {}};
    }
  }
  if (result.has_value()) {
    if (result->reason.empty()) {
      image_ref = result->image_ref;
      return true;
    }
    waiting_[container.name()] = {result->reason, result->message};
    const absl::Duration pause = std::max(kAfterPullError, result->retry_after);
    pull_after_[pull] = context_.clock.Now() + pause;
    context_.poke(uid_, pause);
    return false;
  }
  context_.executor.Post([self = shared_from_this(), pod = pod_, container] {
    ImageResult answer = self->context_.images.EnsureImage(*pod, container, kPullTimeout);
    {
      base::MutexLock l(self->mu_);
      self->pulls_[container.name()] = Pull{false, container.image(), std::move(answer)};
    }
    self->context_.poke(self->uid_, absl::ZeroDuration());
  });
  return false;
}

absl::Status PodWorker::CheckImageUser(const Container& container, const std::string& image_ref) {
  const bool wanted = container.security_context().has_run_as_non_root()
                          ? container.security_context().run_as_non_root()
                          : pod_->spec().security_context().run_as_non_root();
  if (!wanted) return absl::OkStatus();
  cri::v1::ImageStatusRequest request;
  request.mutable_image()->set_image(image_ref);
  cri::v1::ImageStatusResponse response;
  RETURN_IF_ERROR(
      context_.runtime.ImageStatus(request, response, context_.options.runtime_request_timeout));
  ImageUser user;
  if (response.image().has_uid()) user.uid = response.image().uid().value();
  user.name = response.image().username();
  return CheckNonRoot(*pod_, container, user);
}

absl::StatusOr<std::string> PodWorker::CreateContainer(const ContainerToStart& start,
                                                       const Container& container,
                                                       const std::string& image_ref) {
  const ObservedSandbox& sandbox = *seen_.LatestSandbox();
  const PodRuntimeOptions& options = context_.options;
  PodAddresses addresses{sandbox.host_network ? options.node_ips : sandbox.ips, options.node_ips};
  ContainerInputs inputs;
  inputs.restart_count = start.restart_count + count_bump_[start.name];
  const std::string logs =
      base::StrCat(PodLogDir(options.pod_logs_dir, *pod_), "/", container.name());
  // A runtime may forget everything, at a reboot say: the count goes on and no log is overwritten.
  if (start.replaces.empty()) {
    inputs.restart_count = std::max(inputs.restart_count, CountByLogs(logs));
  }
  inputs.image_ref = image_ref;
  const auto config_error = [](absl::Status status) {
    return absl::InvalidArgumentError(status.message());
  };
  auto process =
      MakeContainerProcess(*pod_, container, addresses, options.node_name, context_.objects);
  if (!process.ok()) return config_error(process.status());
  inputs.process = *std::move(process);
  if (const absl::Status user = CheckImageUser(container, image_ref); !user.ok()) {
    return config_error(user);
  }
  auto mounts = context_.files.Mounts(*pod_, container, inputs.restart_count, *volumes_,
                                      context_.volumes, addresses.pod_ips, inputs.process.env);
  if (!mounts.ok()) return config_error(mounts.status());
  inputs.mounts = *std::move(mounts);
  inputs.node_memory_bytes = context_.node_memory_bytes();
  inputs.cpu_quota = options.cpu_cfs_quota;
  inputs.group_oom_kill = options.group_oom_kill;
  inputs.security = SecurityOf(options);
  if (start.kind == ContainerKind::kEphemeral) {
    const auto& target = pod_->spec().ephemeral_containers(start.index).target_container_name();
    const auto* seen = target.empty() ? nullptr : seen_.Latest(target);
    if (!target.empty() && seen == nullptr) {
      return base::InvalidArgument("unable to find target container ", target);
    }
    if (seen != nullptr) inputs.target_id = seen->id;
  }
  cri::v1::CreateContainerRequest request;
  request.set_pod_sandbox_id(sandbox.id);
  *request.mutable_config() = MakeContainerConfig(*pod_, container, inputs);
  *request.mutable_sandbox_config() = SandboxConfig(sandbox.attempt, nullptr);
  std::error_code error;
  std::filesystem::create_directories(logs, error);
  cri::v1::CreateContainerResponse response;
  const absl::Status status =
      context_.runtime.CreateContainer(request, response, options.runtime_request_timeout);
  if (!status.ok()) {
    if (IsReserved(status)) ++count_bump_[start.name];
    RuntimeChanged();
    return base::MakeStatus(absl::StatusCode::kUnknown, status.message());
  }
  count_bump_.erase(start.name);
  ObservedContainer made;
  made.id = response.container_id();
  made.name = start.name;
  made.sandbox_id = sandbox.id;
  made.phase = ContainerPhase::kCreated;
  made.restart_count = inputs.restart_count;
  made.hash = ContainerHash(container);
  made.image = container.image();
  made.created_at = context_.clock.Now();
  seen_.Put(std::move(made));
  context_.observed(seen_);
  return response.container_id();
}

// An instance that was made and not seen to run, or of which the runtime knows no state, may run
// all the same: a call of before this daemon's time may be about to start it. It goes before
// another is made, and while the runtime will not let it go, there is no other. False: not yet.
bool PodWorker::ClearWay(ContainerToStart& start) {
  const auto before =
      std::find_if(seen_.containers.begin(), seen_.containers.end(),
                   [&](const ObservedContainer& c) { return c.id == start.replaces; });
  if (before == seen_.containers.end() || before->phase == ContainerPhase::kExited) return true;
  const absl::Duration timeout = context_.options.runtime_request_timeout;
  auto now = ReadContainer(context_.runtime, before->id, before->sandbox_id, timeout);
  if (now.ok() && now->phase != before->phase) {
    (void)Note(std::move(now));  // it got on meanwhile
    context_.poke(uid_, absl::ZeroDuration());
    return false;
  }
  cri::v1::RemoveContainerRequest request;
  request.set_container_id(before->id);
  cri::v1::RemoveContainerResponse response;
  const absl::Status status = context_.runtime.RemoveContainer(request, response, timeout);
  RuntimeChanged();
  if (!status.ok() && !absl::IsNotFound(status)) {
    BERTH_INFO("a container that is not running cannot be removed yet", {"pod", api::KeyOf(*pod_)},
               {"container", start.name}, {"why", status});
    context_.poke(uid_, kNotYetRemoved);
    return false;
  }
  // One that never ran is not restarted by this.
  if (before->phase == ContainerPhase::kCreated && tried_[start.name] != before->id) {
    start.restart_count = before->restart_count;
    start.replaces.clear();
  }
  seen_.containers.erase(before);
  return true;
}

bool PodWorker::StartContainer(ContainerToStart start) {
  const Container container = ContainerAt(*pod_, start.kind, start.index);
  std::string image_ref;
  if (!ImageReady(container, image_ref)) return false;
  const auto fail = [&](std::string reason, const absl::Status& error) {
    waiting_[start.name] = {std::move(reason), std::string(error.message())};
    context_.event(*pod_, "Warning", "Failed", base::StrCat("Error: ", error.message()),
                   start.name);
    context_.poke(uid_, kAfterConfigError);
    return false;
  };
  // After a restart of the daemon the groups, directories and volumes are there, but not known.
  if (cgroup_parent_.empty()) {
    auto parent = context_.cgroups.EnsurePod(*pod_);
    if (!parent.ok()) return fail("CreateContainerError", parent.status());
    cgroup_parent_ = *std::move(parent);
  }
  if (!volumes_.has_value()) {
    if (const absl::Status status = EnsureVolumes(); !status.ok()) {
      context_.poke(uid_, absl::Seconds(2));
      return false;
    }
  }
  if (!ClearWay(start)) return false;
  const auto id = CreateContainer(start, container, image_ref);
  if (!id.ok()) {
    return fail(absl::IsInvalidArgument(id.status()) ? "CreateContainerConfigError"
                                                     : "CreateContainerError",
                id.status());
  }
  context_.event(*pod_, "Normal", "Created", "Container created", start.name);
  if (!start.replaces.empty()) {
    backoff_.Restarted(BackoffKey(container), start.replaced_ended, context_.clock.Now());
  }
  cri::v1::StartContainerRequest request;
  request.set_container_id(*id);
  tried_[start.name] = *id;
  cri::v1::StartContainerResponse response;
  const absl::Status status =
      context_.runtime.StartContainer(request, response, context_.options.runtime_request_timeout);
  if (!status.ok()) {
    fail("RunContainerError", status);
    RuntimeChanged();  // it has an instance that ended
    return true;
  }
  began_[*id] = context_.clock.Now();
  context_.event(*pod_, "Normal", "Started", "Container started", start.name);
  const int restarts = seen_.Latest(start.name)->restart_count;  // of what was just made
  context_.files.LinkLog(*pod_, start.name, *id, restarts);
  waiting_.erase(start.name);
  BERTH_INFO("container started", {"pod", api::KeyOf(*pod_)}, {"container", start.name},
             {"id", *id}, {"restarts", restarts});
  const absl::Status read = Note(ReadContainer(context_.runtime, *id, seen_.LatestSandbox()->id,
                                               context_.options.runtime_request_timeout));
  if (!read.ok()) {
    BERTH_WARNING("a new container cannot be read", {"id", *id}, {"error", read});
  }
  PostStart(container, *id);
  return true;
}

// Keeps one dead instance of each container beside the newest, and no sandbox that is neither the
// newest nor has containers.
void PodWorker::CollectGarbage() {
  std::map<std::string, int> kept;
  std::set<std::string> used;
  for (const auto& container : seen_.containers) {
    const int rank = kept[container.name]++;
    if (rank < 2 || container.phase == ContainerPhase::kRunning) {
      used.insert(container.sandbox_id);
      continue;
    }
    cri::v1::RemoveContainerRequest request;
    request.set_container_id(container.id);
    cri::v1::RemoveContainerResponse response;
    RuntimeChanged();
    const absl::Status status = context_.runtime.RemoveContainer(
        request, response, context_.options.runtime_request_timeout);
    if (status.ok()) context_.files.RemoveLog(container.log_path);
  }
  for (size_t i = 1; i < seen_.sandboxes.size(); ++i) {
    const ObservedSandbox& sandbox = seen_.sandboxes[i];
    if (used.contains(sandbox.id)) continue;
    cri::v1::RemovePodSandboxRequest request;
    request.set_pod_sandbox_id(sandbox.id);
    cri::v1::RemovePodSandboxResponse response;
    RuntimeChanged();
    const absl::Status status = context_.runtime.RemovePodSandbox(
        request, response, context_.options.runtime_request_timeout);
    if (!status.ok()) {
      BERTH_WARNING("removing an old sandbox failed", {"sandbox", sandbox.id}, {"error", status});
    }
  }
}

}  // namespace berth::agent
