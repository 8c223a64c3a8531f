// SPDX-License-Identifier: Apache-2.0
#include "agent/pods/pod_runtime.h"

#include <algorithm>
#include <atomic>
#include <filesystem>

#include "agent/observe/pleg.h"
#include "agent/pods/admission.h"
#include "agent/pods/pod_set.h"
#include "agent/resources/pod_cgroups.h"
#include "agent/sources/mirror_pods.h"
#include "agent/sources/static_pod.h"
#include "agent/status/pod_api.h"
#include "agent/sync/container_spec.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/node/v1/node.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "cgroups/hierarchy.h"
#include "cgroups/slices.h"
#include "cgroups/systemd_bus.h"
#include "cgroups/tree.h"
#include "client/api_client.h"
#include "client/event_recorder.h"
#include "client/informer.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

// Threads come with work: one per pod that is being worked on, also when its runtime call hangs.
constexpr int kWorkerThreads = 256;
constexpr int kProbeThreads = 32;
constexpr int kSourceThreads = 4;

std::string_view KindName(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return "Startup";
    case ProbeKind::kLiveness:
      return "Liveness";
    case ProbeKind::kReadiness:
      break;
  }
  return "Readiness";
}

std::string ContainerLogsDir(const PodRuntimeOptions& options) {
  if (!options.container_logs_dir.empty()) return options.container_logs_dir;
  return std::filesystem::path(options.pod_logs_dir).parent_path() / "containers";
}

CgroupDriver DriverOf(const PodRuntimeOptions& options) {
  return options.cgroup_driver == "systemd" ? CgroupDriver::kSystemd : CgroupDriver::kCgroupfs;
}

absl::StatusOr<std::unique_ptr<cgroups::Groups>> MakeGroups(const PodRuntimeOptions& options) {
  if (!options.cgroups_per_qos) return nullptr;
  ASSIGN_OR_RETURN(auto found, cgroups::DiscoverHierarchies());
  cgroups::Tree tree(std::move(found));
  if (DriverOf(options) == CgroupDriver::kCgroupfs) {
    return std::make_unique<cgroups::Tree>(std::move(tree));
  }
  ASSIGN_OR_RETURN(auto systemd, cgroups::ConnectSystemd());
  return std::make_unique<cgroups::Slices>(std::move(systemd), std::move(tree));
}

std::unique_ptr<cgroups::Groups> MakeGroups(const PodRuntimeOptions& options,
                                            absl::Status& status) {
  auto groups = MakeGroups(options);
  status = groups.status();
  return groups.ok() ? *std::move(groups) : nullptr;
}

}  // namespace

class PodRuntime::Impl {
 public:
  Impl(PodRuntimeOptions options, PodRuntimeParts parts)
      : options_(std::move(options)),
        parts_(std::move(parts)),
        cgroups_(MakeGroups(options_, cgroup_status_),
                 {options_.cgroup_root, options_.pod_pids_limit, options_.cpu_cfs_quota,
                  DriverOf(options_)}),
        files_({options_.root_dir, options_.pod_logs_dir, ContainerLogsDir(options_),
                options_.cluster_domain}),
        api_(MakePodApi(parts_)),
        prober_(*parts_.runtime, MakeProbeFetch(*parts_.io)),
        probes_(prober_, probe_pool_, *parts_.clock,
                {[this](const std::string& uid) { Poke(uid, absl::ZeroDuration()); },
                 [this](const Pod& pod, const std::string& container, ProbeKind kind,
                        const std::string& message) {
                   Event(pod, "Warning", "Unhealthy",
                         base::StrCat(KindName(kind), " probe failed: ", message), container);
                 },
                 [this](const Pod& pod, const std::string& container, ProbeKind kind,
                        const std::string& message) {
                   Event(pod, "Warning", "ProbeWarning",
                         base::StrCat(KindName(kind), " probe warning: ", message), container);
                 }}),
        statuses_(
            *api_, source_pool_, *parts_.clock,
            [this](const std::string& uid) {
              if (!stopping_) set_.StatusWritten(uid);
            },
            parts_.metrics),
        mirrors_(*api_, statuses_, source_pool_, *parts_.clock,
                 {[this] { return NodeUid(); },
                  [this](std::string_view namespace_, std::string_view name) {
                    const auto worker = set_.FindByName(namespace_, name);
                    return worker != nullptr && worker->gone();
                  }}),
        context_{options_,
                 *parts_.clock,
                 workers_pool_,
                 *parts_.runtime,
                 *parts_.volumes,
                 *parts_.images,
                 *parts_.objects,
                 cgroups_,
                 files_,
                 prober_,
                 probes_,
                 statuses_,
                 [this](const std::string& uid, absl::Duration delay) { Poke(uid, delay); },
                 [this](const Pod& pod, std::string_view type, std::string_view reason,
                        std::string_view message, std::string_view container) {
                   Event(pod, type, reason, message, container);
                 },
                 [this](const PodObservation& seen) {
                   pleg_.Observed(seen);
                   logs_.Observed(seen);
                 },
                 [this](const std::string& uid) { return pleg_.MayHave(uid); },
                 [this] { return parts_.network_seen_ready(); },
                 [this] { return NodeMemory(); },
                 [this](const std::string& name) { return RuntimeHandler(name); },
                 parts_.metrics,
                 [this](const Pod& pod, const api::core::v1::PodStatus& status) {
                   if (parts_.api != nullptr) mirrors_.SetStatus(pod, status);
                 },
                 [this](const Pod& pod) { return parts_.keep_out(pod); }},
        set_(context_, workers_pool_, parts_.node, Sources()),
        pleg_(*parts_.runtime, parts_.events, source_pool_, *parts_.clock,
              Pleg::Hooks{[this](const std::string& uid) { RuntimeChanged(uid); },
                          [this](const auto& pods) { OnRelist(pods); }}),
        logs_(options_.log_rotation, *parts_.runtime, parts_.inotify, log_pool_, *parts_.clock),
        static_pods_(options_.static_pods, parts_.inotify, MakeManifestFetch(*parts_.io),
                     source_pool_, *parts_.clock,
                     {[this](StaticPods::PodPtr pod) {
                        if (parts_.api != nullptr) mirrors_.Want(pod);
                        set_.Deliver(std::move(pod));
                      },
                      [this](StaticPods::PodPtr pod) {
                        set_.Lost(pod->metadata().uid());
                        if (parts_.api != nullptr) mirrors_.Unwant(*pod);
                      },
                      [this] {
                        set_.SourceReady(PodSource::kStatic);
                        OneSourceReady();
                      },
                      parts_.manifest_problem}),
        workers_pool_("pod-worker", kWorkerThreads),
        probe_pool_("probe", kProbeThreads),
        source_pool_("pod-source", kSourceThreads),
        log_pool_("log-rotation", std::max(1, options_.log_rotation_workers)) {}

  ~Impl() { Stop(); }

  absl::Status Start() {
    RETURN_IF_ERROR(cgroup_status_, "finding cgroups");
    RETURN_IF_ERROR(cgroups_.Prepare({}));
    pleg_.Start();
    static_pods_.Start();
    if (parts_.api != nullptr) WatchApi();
    return absl::OkStatus();
  }

  void Stop() {
    if (stopping_.exchange(true)) return;
    parts_.end_waits();
    static_pods_.Stop();
    pleg_.Stop();
    source_.reset();
    mirrors_.Stop();
    set_.Stop();
    logs_.Stop();
    probes_.Stop();
    statuses_.Stop();
  }

  bool knows_api_pods() const { return knows_api_pods_; }

  void Poke(const std::string& uid, absl::Duration delay) {
    if (!stopping_) set_.Poke(uid, delay);
  }

  PodSet& set() { return set_; }
  const PodCgroups& cgroups() const { return cgroups_; }
  const Pleg& pleg() const { return pleg_; }
  const PodRuntimeOptions& options() const { return options_; }

 private:
  static std::unique_ptr<PodApi> MakePodApi(const PodRuntimeParts& parts) {
    if (parts.api == nullptr) return std::make_unique<NoPodApi>();
    return std::make_unique<ClientPodApi>(*parts.api);
  }

  PodSources Sources() const {
    PodSources out;
    out.expected.clear();
    if (parts_.api != nullptr) out.expected.insert(PodSource::kApi);
    const auto& manifests = options_.static_pods;
    if (!manifests.path.empty() || !manifests.url.empty()) out.expected.insert(PodSource::kStatic);
    if (parts_.initial_node != nullptr) out.initial_node = parts_.initial_node;
    return out;
  }

  void WatchApi() {
    client::InformerOptions only_mine;
    only_mine.field_selector = base::StrCat("spec.nodeName=", options_.node_name);
    source_ = std::make_unique<client::Informer<Pod>>(*parts_.api, source_pool_, *parts_.clock,
                                                      client::kPods, only_mine);
    source_->OnChangeWithObjects([this](const std::string&,
                                        const client::InformerBase::Snapshot& before,
                                        const client::InformerBase::Snapshot& after) {
      OnChange(std::static_pointer_cast<const Pod>(before),
               std::static_pointer_cast<const Pod>(after));
    });
    source_->Start();
    source_pool_.Post([this] {
      while (!stopping_) {
        if (source_->WaitForSync(absl::Seconds(1))) {
          BERTH_INFO("pods are known", {"pods", source_->size()});
          knows_api_pods_ = true;
          set_.SourceReady(PodSource::kApi);
          return OneSourceReady();
        }
      }
    });
  }

  // Mirrors without a pod go when both have told what there is: manifests which pods, the API which
  // mirrors.
  void OneSourceReady() {
    const int others = static_pods_.any() ? 2 : 1;
    if (++sources_ready_ == others) mirrors_.Ready();
  }

  std::string NodeUid() const {
    const auto node = parts_.node();
    return node == nullptr ? "" : node->metadata().uid();
  }

  void RuntimeChanged(const std::string& uid) {
    if (!stopping_) set_.RuntimeChanged(uid);
  }

  void OnChange(std::shared_ptr<const Pod> before, std::shared_ptr<const Pod> after) {
    if (before != nullptr &&
        (after == nullptr || after->metadata().uid() != before->metadata().uid())) {
      IsMirrorPod(*before) ? mirrors_.Lost(*before) : set_.Lost(before->metadata().uid());
    }
    if (after == nullptr) return;
    IsMirrorPod(*after) ? mirrors_.Seen(std::move(after))
                        : set_.Deliver(AsApiPod(std::move(after)));
  }

  // The node's allocatable is known only after a while; kubepods gets its limits then.
  void OnRelist(const std::map<std::string, RuntimePod>& pods) {
    const auto node = parts_.node();
    if (node != nullptr && !prepared_.exchange(true)) {
      // What eviction keeps free is for pods to use until eviction sees to it.
      Amounts limits = AllocatableOf(*node);
      if (limits.contains("memory")) limits["memory"] += options_.hard_memory_threshold;
      const absl::Status status = cgroups_.Prepare(limits);
      if (!status.ok()) BERTH_WARNING("limits of kubepods not set", {"error", status});
    }
    set_.Reconcile(pods);
  }

  void Event(const Pod& pod, std::string_view type, std::string_view reason,
             std::string_view message, std::string_view container) {
    if (parts_.recorder == nullptr || stopping_) return;  // what fails at the end is no news
    parts_.recorder->Record(pod, type, reason, message,
                            container.empty() ? "" : FieldPathOf(pod, container));
  }

  absl::StatusOr<std::string> RuntimeHandler(const std::string& name) {
    if (parts_.api == nullptr) return base::Unavailable("runtime classes need an API server");
    api::node::v1::RuntimeClass runtime_class;
    RETURN_IF_ERROR(parts_.api->Get(client::kRuntimeClasses, "", name, runtime_class));
    return runtime_class.handler();
  }

  int64_t NodeMemory() const {
    const auto node = parts_.node();
    if (node == nullptr) return 0;
    return ToAmounts(node->status().capacity())["memory"];
  }

  const PodRuntimeOptions options_;
  const PodRuntimeParts parts_;
  absl::Status cgroup_status_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> prepared_ = false;
  std::atomic<bool> knows_api_pods_ = false;
  std::atomic<int> sources_ready_ = 0;
  PodCgroups cgroups_;
  PodFiles files_;
  std::unique_ptr<PodApi> api_;
  Prober prober_;
  ProbeRuns probes_;
  StatusWriter statuses_;
  MirrorPods mirrors_;
  WorkerContext context_;
  PodSet set_;
  Pleg pleg_;
  LogRotation logs_;
  StaticPods static_pods_;
  std::unique_ptr<client::Informer<Pod>> source_;
  // Last: they end first, and wait for tasks that use the rest.
  base::ThreadPool workers_pool_;
  base::ThreadPool probe_pool_;
  base::ThreadPool source_pool_;
  base::ThreadPool log_pool_;
};

PodRuntime::PodRuntime(PodRuntimeOptions options, PodRuntimeParts parts)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(parts))) {}
PodRuntime::~PodRuntime() = default;

absl::Status PodRuntime::Start() { return impl_->Start(); }
void PodRuntime::Stop() { impl_->Stop(); }
absl::Status PodRuntime::Health() const { return impl_->pleg().Health(); }
bool PodRuntime::KnowsApiPods() const { return impl_->knows_api_pods(); }
void PodRuntime::PokeAll() { impl_->set().PokeAll(); }

std::vector<std::shared_ptr<const Pod>> PodRuntime::ActivePods() const {
  return impl_->set().ActivePods();
}
void PodRuntime::End(const std::string& uid, const PodVerdict& verdict) {
  impl_->set().End(uid, verdict);
}
void PodRuntime::FreeContainers() { impl_->set().FreeContainers(); }
absl::StatusOr<cgroups::Usage> PodRuntime::GroupUsage(const std::string& uid) const {
  return impl_->cgroups().UsageOf(uid);
}

std::vector<std::shared_ptr<const Pod>> PodRuntime::Pods() const {
  std::vector<std::shared_ptr<const Pod>> pods;
  for (const auto& worker : impl_->set().All()) {
    if (!worker->gone()) pods.push_back(worker->Report());
  }
  return pods;
}

std::shared_ptr<const Pod> PodRuntime::FindPod(std::string_view namespace_,
                                               std::string_view name) const {
  const auto worker = impl_->set().FindByName(namespace_, name);
  return worker == nullptr ? nullptr : worker->Report();
}

std::optional<ContainerRef> PodRuntime::FindContainer(std::string_view namespace_,
                                                      std::string_view pod,
                                                      std::string_view container,
                                                      bool previous) const {
  const auto worker = impl_->set().FindByName(namespace_, pod);
  const auto seen = worker == nullptr ? nullptr : worker->Seen();
  const auto* found = seen == nullptr ? nullptr : seen->Latest(container, previous ? 1 : 0);
  if (found == nullptr) return std::nullopt;
  ContainerRef out;
  out.container_id = found->id;
  out.sandbox_id = found->sandbox_id;
  out.pod_uid = seen->uid;
  out.log_path = found->log_path;
  out.restart_count = found->restart_count;
  out.running = found->phase == ContainerPhase::kRunning;
  return out;
}

std::optional<std::string> PodRuntime::FindSandbox(std::string_view namespace_,
                                                   std::string_view pod) const {
  const auto worker = impl_->set().FindByName(namespace_, pod);
  const auto seen = worker == nullptr ? nullptr : worker->Seen();
  const auto* sandbox = seen == nullptr ? nullptr : seen->LatestSandbox();
  if (sandbox == nullptr || !sandbox->ready) return std::nullopt;
  return sandbox->id;
}

}  // namespace berth::agent
