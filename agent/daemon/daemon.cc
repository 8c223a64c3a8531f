// SPDX-License-Identifier: Apache-2.0
#include "agent/daemon/daemon.h"

#include <algorithm>
#include <filesystem>

#include "agent/node/host_setup.h"
#include "agent/node/node_addresses.h"
#include "agent/node/runtime_probe.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/kubeconfig.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using base::StrCat;

constexpr absl::Duration kFirstProbe = absl::Seconds(2);
constexpr absl::Duration kCallTimeout = absl::Seconds(30);

}  // namespace

Daemon::Daemon(Flags flags, Config config) : flags_(std::move(flags)), config_(std::move(config)) {}
Daemon::~Daemon() { Stop(); }

absl::Status Daemon::Start() {
  RETURN_IF_ERROR(PrepareHost());
  RETURN_IF_ERROR(ConnectApi());
  RETURN_IF_ERROR(ConnectRuntime());
  MakePods();
  RETURN_IF_ERROR(MakeNode());
  RETURN_IF_ERROR(Serve());
  RETURN_IF_ERROR(StartWatches());
  node_->Start();
  for (auto& post : io_.Posters()) liveness_.emplace_back("the network loop", post);
  for (base::ThreadPool* pool : {&pool_, &node_pool_}) {
    liveness_.emplace_back("the thread pool", [pool](auto task) { pool->Post(std::move(task)); });
  }
  if (pods_ != nullptr) {
    RETURN_IF_ERROR(pods_->Start(), "starting the pod workers");
    Record("Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods");
    RETURN_IF_ERROR(EnforceReservations());
    WatchForOom();
    evictions_->Start();
    collector_->Start();
  }
  return absl::OkStatus();
}

void Daemon::Tick() {
  if (service_ != nullptr) service_->ReloadChangedFiles();
}

absl::Status Daemon::Alive() {
  RETURN_IF_ERROR(base::CheckAll(liveness_));
  RETURN_IF_ERROR(CheckClientCertificate());
  return Healthy();
}

absl::Status Daemon::Healthy() const {
  return pods_ == nullptr ? absl::OkStatus() : pods_->Health();
}

absl::Status Daemon::PrepareHost() {
  const auto& kubelet = config_.kubelet;
  cgroup_v2_ = HostHasCgroupV2();
  RETURN_IF_ERROR(CheckHost(kubelet, cgroup_v2_, CountSwaps()));
  RETURN_IF_ERROR(TuneHost(kubelet));
  std::error_code error;
  std::filesystem::create_directories(flags_.root_dir + "/pods", error);
  if (error) return base::FromErrno(error.value(), flags_.root_dir);
  if (auto inotify = kernel::Inotify::Make(); inotify.ok()) {
    inotify_ = *std::move(inotify);
    inotify_pool_.Post([this] { inotify_->Run(); });
  } else {
    BERTH_WARNING("changes of files are noticed late", {"error", inotify.status()});
  }
  ASSIGN_OR_RETURN(identity_.name, NodeName(flags_.hostname_override));
  ASSIGN_OR_RETURN(identity_.addresses,
                   ChooseNodeAddresses(flags_.node_ip, LocalAddresses(), DefaultRouteInterface()));
  ASSIGN_OR_RETURN(identity_.facts, ReadSystemFacts());
  identity_.labels = flags_.node_labels;
  identity_.kubelet_version = BERTH_VERSION;
  identity_.external_cloud = flags_.cloud_provider == "external";
  identity_.provided_node_ip = flags_.node_ip;
  return absl::OkStatus();
}

absl::Status Daemon::ConnectApi() {
  if (flags_.kubeconfig.empty()) {
    BERTH_INFO("no --kubeconfig: standalone, without an API server");
    return absl::OkStatus();
  }
  if (!flags_.bootstrap_kubeconfig.empty()) RETURN_IF_ERROR(Bootstrap());
  ASSIGN_OR_RETURN(kubeconfig_, client::LoadKubeconfig(flags_.kubeconfig));
  if (config_.kubelet.rotate_certificates) UseStoredCertificate();
  ASSIGN_OR_RETURN(api_, MakeNodeClient(kCallTimeout));
  // Heartbeats have connections of their own and do not wait long.
  const absl::Duration patience =
      std::min(config_.kubelet.node_status_update_frequency,
               absl::Seconds(config_.kubelet.node_lease_duration_seconds));
  ASSIGN_OR_RETURN(heartbeat_api_, MakeNodeClient(patience));
  if (config_.kubelet.rotate_certificates) KeepClientCertificate();
  recorder_ =
      std::make_unique<client::EventRecorder>(*api_, pool_, clock_, "kubelet", identity_.name);
  services_ =
      std::make_unique<client::Informer<core::Service>>(*api_, pool_, clock_, client::kServices);
  // All that a node's own credentials may read of nodes.
  client::InformerOptions own;
  own.field_selector = StrCat("metadata.name=", identity_.name);
  own_node_ =
      std::make_unique<client::Informer<core::Node>>(*api_, pool_, clock_, client::kNodes, own);
  return ConnectProxyApi();
}

// EndpointSlices and the other nodes are for a service proxy to read, which has credentials of its
// own unless the node's are allowed that too.
absl::Status Daemon::ConnectProxyApi() {
  const std::string& file = config_.proxy.kubeconfig;
  if (!file.empty()) {
    ASSIGN_OR_RETURN(const client::Kubeconfig kubeconfig, client::LoadKubeconfig(file));
    ASSIGN_OR_RETURN(auto transport, client::MakeTransport(io_, kubeconfig), file);
    proxy_api_ = std::make_unique<client::ApiClient>(std::move(transport));
  }
  if (flags_.pod_routes) {
    peers_ =
        std::make_unique<client::Informer<core::Node>>(ProxyApi(), pool_, clock_, client::kNodes);
    routes_ = std::make_unique<netproxy::PodRoutes>(*peers_, pool_, clock_, identity_.name);
  }
  return absl::OkStatus();
}

absl::Status Daemon::ConnectRuntime() {
  ASSIGN_OR_RETURN(grpc_, cri::GrpcRuntime::Make(config_.kubelet.container_runtime_endpoint),
                   "containerRuntimeEndpoint");
  events_ = grpc_->MakeEventSource(event_pool_, clock_);
  runtime_ = std::make_unique<cri::MeasuredRuntime>(*grpc_, metrics_.OfRuntimeCalls());
  // A runtime that is not there yet will be; its usual name serves until then.
  const RuntimeSeen seen = ProbeRuntime(*runtime_, kFirstProbe);
  if (!seen.name.empty()) runtime_name_ = seen.name;
  cgroup_driver_ = config_.kubelet.cgroup_driver;
  if (!seen.reachable.ok()) return absl::OkStatus();
  // What the runtime says about cgroups wins over the configuration.
  const std::string driver = RuntimeCgroupDriver(*runtime_, kFirstProbe);
  if (!driver.empty()) cgroup_driver_ = driver;
  return absl::OkStatus();
}

absl::Status Daemon::MakeNode() {
  NodeAgentParts parts;
  parts.api = heartbeat_api_.get();
  parts.runtime = runtime_.get();
  parts.clock = &clock_;
  parts.executor = &node_pool_;
  parts.root_dir = flags_.root_dir;
  parts.pods_health = [this] { return Healthy(); };
  parts.pressures = [this] {
    return evictions_ == nullptr ? Pressures() : evictions_->pressures();
  };
  parts.network_ready = [this] {
    if (pods_ != nullptr) pods_->PokeAll();
  };
  parts.record = [this](std::string_view type, std::string_view reason, std::string_view message) {
    Record(type, reason, message);
  };
  node_ = std::make_unique<NodeAgent>(identity_, config_.kubelet, parts);
  if (api_ == nullptr) return absl::OkStatus();
  Record("Normal", "Starting", "Starting kubelet.");
  if (!cgroup_v2_) {
    Record("Warning", "CgroupV1",
           "cgroup v1 support is in maintenance mode, please migrate to cgroup v2");
  }
  return absl::OkStatus();
}

absl::Status Daemon::Serve() {
  KubeletServiceParts parts;
  parts.api = api_.get();
  parts.pods = pods_.get();
  parts.runtime = runtime_.get();
  parts.io = &io_;
  parts.executor = &pool_;
  parts.clock = &clock_;
  parts.metrics = &metrics_;
  parts.healthy = [this] { return Healthy(); };
  service_ = std::make_unique<KubeletService>(config_.kubelet, identity_, flags_.cert_dir, parts);
  RETURN_IF_ERROR(service_->Start());
  if (config_.kubelet.server_tls_bootstrap && api_ != nullptr) KeepServingCertificate();
  return absl::OkStatus();
}

// Everybody who listens says so before the first list comes in.
absl::Status Daemon::StartWatches() {
  if (api_ == nullptr) return absl::OkStatus();
  own_node_->OnChange([this](const std::string& key) {
    if (key != identity_.name) return;
    node_->NodeChanged(own_node_->Get(key));
    if (serving_keeper_ != nullptr) serving_keeper_->Poke();  // its addresses may be others
  });
  proxy_ = std::make_unique<ServiceProxy>(ProxyApi(), *services_, *own_node_, io_, pool_, clock_);
  RETURN_IF_ERROR(proxy_->Start(config_, identity_.name));
  own_node_->Start();
  if (peers_ != nullptr) peers_->Start();
  services_->Start();
  return absl::OkStatus();
}

void Daemon::Record(std::string_view type, std::string_view reason, std::string_view message) {
  if (recorder_ == nullptr) return;
  // The Node's name in both places, as `kubectl describe node` looks for it.
  core::Node reference;
  reference.mutable_metadata()->set_name(identity_.name);
  reference.mutable_metadata()->set_uid(identity_.name);
  recorder_->Record(reference, type, reason, message);
}

void Daemon::Stop() {
  if (inotify_ != nullptr) inotify_->Stop();
  for (auto* keeper : {serving_keeper_.get(), client_keeper_.get()}) {
    if (keeper != nullptr) keeper->Stop();
  }
  service_ = nullptr;
  proxy_ = nullptr;
  routes_ = nullptr;
  peers_ = nullptr;
  own_node_ = nullptr;
  oom_watcher_ = nullptr;
  if (evictions_ != nullptr) evictions_->Stop();
  if (collector_ != nullptr) collector_->Stop();
  if (node_ != nullptr) node_->Stop();
  if (pods_ != nullptr) pods_->Stop();
  services_ = nullptr;
}

}  // namespace berth::agent
