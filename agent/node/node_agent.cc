// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_agent.h"

#include <algorithm>
#include <random>

#include "agent/node/node_lease.h"
#include "agent/node/node_resources.h"
#include "agent/node/runtime_probe.h"
#include "api/proto/core/v1/node.pb.h"
#include "base/keyed_queue.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/api_client.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::StrCat;

// Keys of the queue.
constexpr std::string_view kRuntime = "runtime";    // ask the runtime how it is
constexpr std::string_view kRegister = "register";  // make the Node exist
constexpr std::string_view kStatus = "status";      // report what changed
constexpr std::string_view kLease = "lease";        // say that we live
constexpr std::string_view kPodCidr = "podcidr";    // tell the runtime

constexpr absl::Duration kProbeTimeout = absl::Seconds(10);
constexpr absl::Duration kRuntimePeriod = absl::Seconds(5);
// A runtime that is started again is away for less: no reason to call a node not ready.
constexpr absl::Duration kRuntimeSilence = absl::Seconds(30);
constexpr absl::Duration kFastPeriod = absl::Milliseconds(100);  // until first ready
constexpr absl::Duration kFastGrace = absl::Seconds(120);
constexpr absl::Duration kImagesPeriod = absl::Seconds(30);
constexpr base::Backoff kBackoff{absl::Milliseconds(100), absl::Seconds(7)};

// Both are versions of one Node, and the API server's versions are numbers. A Node that was deleted
// and made again is another one, and what is no number is taken as it comes.
bool IsOlder(const core::Node& node, const core::Node& than) {
  if (node.metadata().uid() != than.metadata().uid()) return false;
  const auto version = base::ParseInt<uint64_t>(node.metadata().resource_version());
  const auto other = base::ParseInt<uint64_t>(than.metadata().resource_version());
  return version && other && *version < *other;
}

}  // namespace

class NodeAgent::Impl {
 public:
  Impl(NodeIdentity identity, const KubeletConfig& config, NodeAgentParts parts)
      : identity_(std::move(identity)), config_(config), parts_(std::move(parts)) {
    if (parts_.api != nullptr) {
      lease_ = std::make_unique<NodeLease>(*parts_.api, identity_.name,
                                           config_.node_lease_duration_seconds);
    }
  }

  void Start() {
    started_ = parts_.clock->Now();
    queue_ = std::make_unique<base::KeyedQueue>(
        *parts_.executor, *parts_.clock, [this](const std::string& key) { Handle(key); }, kBackoff);
    queue_->Add(kRuntime);
  }
  void Stop() { queue_ = nullptr; }

  std::shared_ptr<const core::Node> node() const {
    base::MutexLock lock(mu_);
    return node_;
  }
  std::shared_ptr<const core::Node> InitialNode() const {
    NodeObservation seen;
    if (auto size = ReadFilesystemSize(parts_.root_dir); size.ok()) seen.node_filesystem = *size;
    auto node = std::make_shared<core::Node>(MakeNode(identity_, config_));
    *node->mutable_status() =
        MakeNodeStatus(identity_, config_, seen, core::NodeStatus(), parts_.clock->Now());
    return node;
  }
  void NodeChanged(std::shared_ptr<const core::Node> node) {
    {
      base::MutexLock lock(mu_);
      if (node != nullptr) Take(node);
    }
    if (queue_ != nullptr && node != nullptr) queue_->Add(kPodCidr);
  }
  void Poke() {
    if (queue_ != nullptr && registered()) queue_->Add(kStatus);
  }
  bool registered() const {
    base::MutexLock lock(mu_);
    return registered_;
  }
  bool ready() const {
    base::MutexLock lock(mu_);
    return ready_;
  }
  RuntimeSeen runtime() const {
    base::MutexLock lock(mu_);
    return runtime_;
  }
  base::StringMap<std::string> Allocatable() const {
    base::StringMap<std::string> out;
    const auto size = ReadFilesystemSize(parts_.root_dir);
    for (const auto& [name, amount] :
         NodeAllocatable(identity_.facts, size.value_or(FilesystemSize()), config_)) {
      out[name] = amount;
    }
    return out;
  }

 private:
  void Handle(const std::string& key) {
    if (key == kRuntime) return ProbeTick();
    if (key == kRegister) return RegisterTick();
    if (key == kStatus) return StatusTick();
    if (key == kLease) return LeaseTick();
    if (key == kPodCidr) return PodCidrTick();
  }

  void ProbeTick() {
    RuntimeSeen seen = ProbeRuntime(*parts_.runtime, kProbeTimeout);
    const bool good = seen.reachable.ok() && seen.runtime_ready && seen.network_ready;
    bool changed = false, network_came = false, first = false;
    {
      base::MutexLock lock(mu_);
      changed = !(seen == runtime_);
      network_came = seen.network_ready && !runtime_.network_ready;
      first = !probed_;
      probed_ = true;
      runtime_ = seen;
      if (seen.reachable.ok()) answered_at_ = parts_.clock->Now();
    }
    if (changed) {
      BERTH_INFO("container runtime looked at", {"runtime", seen.name}, {"version", seen.version},
                 {"ready", seen.runtime_ready}, {"network", seen.network_ready},
                 {"error", seen.reachable.ok() ? "" : base::Message(seen.reachable)});
    }
    if (network_came) parts_.network_ready();
    if (first) Begin();
    if (changed && registered()) queue_->Add(kStatus);
    // A runtime that went away needs to hear the pod CIDR again.
    if (changed) queue_->Add(kPodCidr);
    queue_->AddAfter(kRuntime,
                     good ? kRuntimePeriod : (InFastStart() ? kFastPeriod : kRuntimePeriod));
  }

  // What needs an answer of the runtime, so that the first Node says it all.
  void Begin() {
    if (parts_.api == nullptr) return;
    queue_->Add(config_.register_node ? kRegister : kStatus);
    queue_->Add(kLease);
  }

  bool InFastStart() const { return parts_.clock->Now() - started_ < kFastGrace && !ready(); }

  NodeObservation Observe() {
    NodeObservation seen;
    seen.runtime = runtime();
    const auto now = parts_.clock->Now();
    if (auto size = ReadFilesystemSize(parts_.root_dir); size.ok()) seen.node_filesystem = *size;
    if (auto memory = ReadMemoryNow(parts_.system_root); memory.ok()) seen.memory = *memory;
    if (auto pids = ReadPidsNow(parts_.system_root); pids.ok()) seen.pids = *pids;
    seen.pods_health = parts_.pods_health();
    seen.pressures = parts_.pressures();
    if (seen.runtime.reachable.ok() && now - images_at_ >= kImagesPeriod) {
      images_ = ListRuntimeImages(*parts_.runtime, kProbeTimeout);
      images_at_ = now;
    }
    seen.images = images_;
    return seen;
  }

  void RegisterTick() {
    const absl::Status status = Register();
    if (!status.ok()) {
      BERTH_WARNING("registering the node failed", {"node", identity_.name}, {"error", status});
      return queue_->AddWithBackoff(kRegister);
    }
    queue_->Forget(kRegister);
    queue_->Add(kStatus);
    queue_->Add(kPodCidr);
  }

  absl::Status Register() {
    core::Node wanted = MakeNode(identity_, config_);
    const NodeObservation seen = Observe();
    *wanted.mutable_status() =
        MakeNodeStatus(identity_, config_, seen, core::NodeStatus(), parts_.clock->Now());
    auto written = std::make_shared<core::Node>();
    absl::Status status = parts_.api->Create(client::kNodes, wanted, written.get());
    if (status.ok()) {
      BERTH_INFO("node registered", {"node", identity_.name});
      RecordTransitions(core::NodeStatus(), wanted.status());
      Wrote(written);
      return status;
    }
    if (!absl::IsAlreadyExists(status)) return status;
    RETURN_IF_ERROR(parts_.api->Get(client::kNodes, "", identity_.name, *written), "reading it");
    const std::string& old_boot = written->status().node_info().boot_id();
    if (!old_boot.empty() && old_boot != identity_.facts.boot_id) {
      parts_.record("Warning", "Rebooted",
                    StrCat("Node ", identity_.name,
                           " has been rebooted, boot id: ", identity_.facts.boot_id));
    }
    if (const std::string patch = MetadataPatch(*written, wanted); !patch.empty()) {
      RETURN_IF_ERROR(parts_.api->Patch(client::kNodes, "", identity_.name, "",
                                        client::PatchType::kStrategicMerge, patch, written.get()),
                      "changing its labels");
    }
    BERTH_INFO("node was registered before", {"node", identity_.name});
    Known(written);
    return absl::OkStatus();
  }

  void Known(std::shared_ptr<core::Node> node) {
    base::MutexLock lock(mu_);
    registered_ = true;
    ready_ = IsReady(node->status()) && reported_;
    Take(std::move(node));
  }

  // Answers to our writes and the watch's events come in any order, so an older Node is not taken:
  // the event that brought the pod CIDR may be here before the answer to the creation, which lacks
  // it.
  void Take(std::shared_ptr<const core::Node> node) BERTH_REQUIRES(mu_) {
    if (node_ == nullptr || !IsOlder(*node, *node_)) node_ = std::move(node);
  }

  // The API took a status of ours.
  void Wrote(std::shared_ptr<core::Node> node) {
    base::MutexLock lock(mu_);
    registered_ = reported_ = true;
    reported_at_ = wrote_at_ = parts_.clock->Now();
    ready_ = IsReady(node->status());
    written_ = node;
    Take(std::move(node));
  }

  void StatusTick() {
    const absl::Status status = Report();
    if (!status.ok()) {
      BERTH_WARNING("reporting the node's status failed", {"error", status});
      return queue_->AddWithBackoff(kStatus);
    }
    queue_->Forget(kStatus);
    queue_->AddAfter(kStatus, InFastStart() ? kFastPeriod : config_.node_status_update_frequency);
  }

  // The Node to compare with: what the watch says, unless we wrote a moment ago.
  absl::StatusOr<std::shared_ptr<const core::Node>> Before() {
    {
      base::MutexLock lock(mu_);
      if (written_ != nullptr && parts_.clock->Now() - wrote_at_ < absl::Seconds(1)) {
        return std::shared_ptr<const core::Node>(written_);
      }
      if (node_ != nullptr) return node_;
    }
    auto read = std::make_shared<core::Node>();
    RETURN_IF_ERROR(parts_.api->Get(client::kNodes, "", identity_.name, *read), "reading the node");
    return std::shared_ptr<const core::Node>(std::move(read));
  }

  absl::Status Report() {
    ASSIGN_OR_RETURN(const std::shared_ptr<const core::Node> before, Before());
    const absl::Time now = parts_.clock->Now();
    if (IsReady(before->status()) && RuntimeMayComeBack(now)) return absl::OkStatus();
    const core::NodeStatus status =
        MakeNodeStatus(identity_, config_, Observe(), before->status(), now);
    absl::Time reported_at;
    {
      base::MutexLock lock(mu_);
      reported_at = reported_at_;
    }
    if (!StatusDiffers(before->status(), status) &&
        now - reported_at < config_.node_status_report_frequency) {
      base::MutexLock lock(mu_);
      ready_ = IsReady(status);
      return absl::OkStatus();
    }
    auto written = std::make_shared<core::Node>();
    RETURN_IF_ERROR(parts_.api->Patch(client::kNodes, "", identity_.name, "status",
                                      client::PatchType::kStrategicMerge,
                                      StatusPatch(before->status(), status), written.get()));
    RecordTransitions(before->status(), status);
    Wrote(std::move(written));
    return absl::OkStatus();
  }

  // It does not answer, but not for long.
  bool RuntimeMayComeBack(absl::Time now) const {
    base::MutexLock lock(mu_);
    return !runtime_.reachable.ok() && now - std::max(answered_at_, started_) < kRuntimeSilence;
  }

  void RecordTransitions(const core::NodeStatus& before, const core::NodeStatus& after) {
    for (const std::string& event : TransitionEvents(before, after)) {
      BERTH_INFO("node condition changed", {"node", identity_.name}, {"now", event});
      parts_.record("Normal", event, StrCat("Node ", identity_.name, " status is now: ", event));
    }
  }

  void LeaseTick() {
    std::string uid;
    {
      base::MutexLock lock(mu_);
      if (node_ != nullptr) uid = node_->metadata().uid();
    }
    // The Node comes first, so that the lease has its owner from the start.
    if (uid.empty() && config_.register_node) return queue_->AddAfter(kLease, kFastPeriod);
    const absl::Status status = lease_->Renew(uid, parts_.clock->Now());
    if (!status.ok()) {
      BERTH_WARNING("renewing the node's lease failed", {"error", status});
      return queue_->AddWithBackoff(kLease);
    }
    queue_->Forget(kLease);
    const absl::Duration period = absl::Seconds(config_.node_lease_duration_seconds) / 4;
    std::uniform_real_distribution<double> jitter(0, 0.04);
    queue_->AddAfter(kLease, period * (1 + jitter(random_)));
  }

  void PodCidrTick() {
    std::string cidrs;
    {
      base::MutexLock lock(mu_);
      if (node_ != nullptr) cidrs = base::Join(node_->spec().pod_cidrs(), ",");
      if (node_ != nullptr && cidrs.empty()) cidrs = node_->spec().pod_cidr();
    }
    if (parts_.api == nullptr) cidrs = config_.pod_cidr;
    if (cidrs.empty() || !runtime().reachable.ok()) {
      told_cidrs_.clear();
      return;
    }
    if (cidrs == told_cidrs_) return;
    const absl::Status status = SetPodCidr(*parts_.runtime, cidrs, kProbeTimeout);
    if (!status.ok()) {
      BERTH_WARNING("telling the runtime the pod CIDR failed", {"cidr", cidrs}, {"error", status});
      return queue_->AddWithBackoff(kPodCidr);
    }
    queue_->Forget(kPodCidr);
    told_cidrs_ = cidrs;
    BERTH_INFO("runtime knows the pod CIDR", {"cidr", cidrs});
    // The network may be ready from here on.
    queue_->Add(kRuntime);
  }

  const NodeIdentity identity_;
  const KubeletConfig config_;
  const NodeAgentParts parts_;
  std::unique_ptr<NodeLease> lease_;                 // of the lease key
  std::minstd_rand random_{std::random_device{}()};  // of the lease key
  std::string told_cidrs_;                           // of the podcidr key
  // Of the register and status keys, which never run at a time: one hands over to the other.
  std::vector<ImageSeen> images_;
  absl::Time images_at_ = absl::InfinitePast();
  absl::Time started_;

  mutable base::Mutex mu_;
  std::shared_ptr<const core::Node> node_ BERTH_GUARDED_BY(mu_);
  std::shared_ptr<const core::Node> written_ BERTH_GUARDED_BY(mu_);
  absl::Time wrote_at_ BERTH_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time reported_at_ BERTH_GUARDED_BY(mu_) = absl::InfinitePast();
  bool registered_ BERTH_GUARDED_BY(mu_) = false;
  bool reported_ BERTH_GUARDED_BY(mu_) = false;
  absl::Time answered_at_ BERTH_GUARDED_BY(mu_) = absl::InfinitePast();
  bool ready_ BERTH_GUARDED_BY(mu_) = false;
  bool probed_ BERTH_GUARDED_BY(mu_) = false;
  RuntimeSeen runtime_ BERTH_GUARDED_BY(mu_);

  std::unique_ptr<base::KeyedQueue> queue_;  // last: its handlers use everything above
};

NodeAgent::NodeAgent(NodeIdentity identity, const KubeletConfig& config, NodeAgentParts parts)
    : impl_(std::make_unique<Impl>(std::move(identity), config, std::move(parts))) {}
NodeAgent::~NodeAgent() = default;
void NodeAgent::Start() { impl_->Start(); }
void NodeAgent::Stop() { impl_->Stop(); }
std::shared_ptr<const core::Node> NodeAgent::node() const { return impl_->node(); }
std::shared_ptr<const core::Node> NodeAgent::InitialNode() const { return impl_->InitialNode(); }
void NodeAgent::NodeChanged(std::shared_ptr<const core::Node> node) {
  impl_->NodeChanged(std::move(node));
}
void NodeAgent::Poke() { impl_->Poke(); }
bool NodeAgent::registered() const { return impl_->registered(); }
bool NodeAgent::ready() const { return impl_->ready(); }
RuntimeSeen NodeAgent::runtime() const { return impl_->runtime(); }
base::StringMap<std::string> NodeAgent::Allocatable() const { return impl_->Allocatable(); }

}  // namespace berth::agent
