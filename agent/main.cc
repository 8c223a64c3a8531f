// SPDX-License-Identifier: Apache-2.0
// berthd: the composition root of the node daemon. Builds the parts, starts them in order, waits
// for a signal, ends them in reverse. Containers go on without it.
#include <malloc.h>
#include <signal.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <filesystem>

#include "agent/config/config_file.h"
#include "agent/config/flags.h"
#include "agent/images/cri_image_puller.h"
#include "agent/node/host_setup.h"
#include "agent/node/node_addresses.h"
#include "agent/node/node_agent.h"
#include "agent/node/runtime_probe.h"
#include "agent/observe/kubelet_metrics.h"
#include "agent/pods/pod_runtime.h"
#include "agent/server/kubelet_service.h"
#include "agent/volumes/api_objects.h"
#include "agent/volumes/node_volumes.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/log.h"
#include "base/status.h"
#include "client/api_client.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "client/kubeconfig.h"
#include "cri/grpc_runtime.h"
#include "cri/measured_runtime.h"
#include "http/io_context.h"
#include "http/server.h"
#include "netproxy/host_settings.h"
#include "netproxy/pod_routes.h"
#include "netproxy/proxy.h"

namespace berth {
namespace {

namespace core = api::core::v1;
using agent::Config, agent::Flags;
using base::StrCat;

constexpr int kFailed = 1, kBadUsage = 2;
constexpr absl::Duration kServicesWait = absl::Seconds(5);
constexpr absl::Duration kFirstProbe = absl::Seconds(2);
constexpr absl::Duration kTick = absl::Seconds(10);

int Fail(int code, const absl::Status& status) {
  std::fprintf(stderr, "berthd: %s\n", std::string(base::Message(status)).c_str());
  return code;
}

absl::StatusOr<Config> ReadConfig(const Flags& flags) {
  Config config;
  if (!flags.config.empty()) RETURN_IF_ERROR(agent::LoadConfig(flags.config, config));
  if (!flags.proxy_config.empty()) RETURN_IF_ERROR(agent::LoadConfig(flags.proxy_config, config));
  RETURN_IF_ERROR(agent::ApplyFlags(flags, config));
  RETURN_IF_ERROR(agent::ValidateConfig(config));
  return config;
}

// kube-proxy's part: the proxy itself, its health on :10256 and its metrics on :10249.
class ServiceProxy {
 public:
  // `services` and `node` (the own one at least) are started by the caller after Start().
  ServiceProxy(client::ApiClient& api, client::Informer<core::Service>& services,
               client::Informer<core::Node>& nodes, http::IoContext& io, base::Executor& executor,
               base::Clock& clock)
      : services_(services),
        nodes_(nodes),
        slices_(api, executor, clock, client::kEndpointSlices, netproxy::SliceInformerOptions()),
        io_(io),
        executor_(executor),
        clock_(clock) {}

  absl::Status Start(const Config& config, const std::string& node_name) {
    const agent::KubeProxyConfig& wanted = config.proxy;
    if (wanted.mode != "" && wanted.mode != "nftables") {
      return agent::FieldError(config.proxy_file, config.proxy_read, "mode",
                               StrCat("\"", wanted.mode, "\" is not supported; use nftables"));
    }
    netproxy::ProxyOptions options;
    options.node_name = node_name;
    if (!wanted.cluster_cidr.empty()) {
      for (std::string_view cidr : base::Split(wanted.cluster_cidr, ',')) {
        options.cluster_cidrs.emplace_back(cidr);
      }
    }
    options.masquerade_all = wanted.nftables.masquerade_all;
    options.masquerade_bit = wanted.nftables.masquerade_bit;
    options.node_port_addresses = wanted.node_port_addresses;
    options.min_sync_period = wanted.nftables.min_sync_period;
    options.sync_period = wanted.nftables.sync_period;
    if (const absl::Status bad = options.Check(); !bad.ok()) {
      return base::WithContext(bad, config.proxy_file);
    }
    netproxy::HostSettings host;
    host.conntrack_max_per_core = wanted.conntrack.max_per_core;
    host.conntrack_min = wanted.conntrack.min;
    if (const absl::Status refused = netproxy::PrepareHost(host); !refused.ok()) {
      BERTH_WARNING("some kernel settings of the service proxy cannot be made here",
                    {"error", refused});
    }
    proxy_ = std::make_unique<netproxy::Proxy>(netproxy::ProxyInformers{services_, slices_, nodes_},
                                               executor_, clock_, std::move(options),
                                               netproxy::KernelBackends(), &metrics_);
    proxy_->UseHealthCheckPorts(health_checks_);
    RETURN_IF_ERROR(Listen(health_server_, wanted.healthz_bind_address, proxy_->HealthHandler()),
                    "healthzBindAddress");
    RETURN_IF_ERROR(Listen(metrics_server_, wanted.metrics_bind_address,
                           [this](auto exchange) { Metrics(*exchange); }),
                    "metricsBindAddress");
    slices_.Start();
    proxy_->Start();
    return absl::OkStatus();
  }

 private:
  absl::Status Listen(std::unique_ptr<http::Server>& server, const std::string& address,
                      http::Handler handler) {
    if (address.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(server, http::MakeServer(io_, executor_, {}, std::move(handler)));
    return server->Listen(address).status();
  }
  void Metrics(http::Exchange& exchange) {
    if (exchange.request().target != "/metrics") {
      return exchange.Respond({404, {{"Content-Type", "text/plain"}}, "404 page not found\n"});
    }
    exchange.Respond({200,
                      {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                      prometheus::TextSerializer().Serialize(registry_.Collect())});
  }

  client::Informer<core::Service>& services_;
  client::Informer<core::Node>& nodes_;
  client::Informer<api::discovery::v1::EndpointSlice> slices_;
  http::IoContext& io_;
  base::Executor& executor_;
  base::Clock& clock_;
  prometheus::Registry registry_;
  netproxy::ProxyMetrics metrics_{registry_};
  netproxy::HealthCheckPorts health_checks_{io_, executor_, "0.0.0.0"};
  std::unique_ptr<netproxy::Proxy> proxy_;
  std::unique_ptr<http::Server> health_server_, metrics_server_;
};

int Cleanup() {
  const absl::Status tables = netproxy::Proxy::Cleanup(netproxy::KernelBackends());
  const absl::Status routes = netproxy::CleanupPodRoutes();
  if (!tables.ok()) return Fail(kFailed, tables);
  return routes.ok() ? 0 : Fail(kFailed, routes);
}

class Daemon {
 public:
  Daemon(Flags flags, Config config) : flags_(std::move(flags)), config_(std::move(config)) {}
  ~Daemon() { Stop(); }

  absl::Status Start() {
    RETURN_IF_ERROR(PrepareHost());
    RETURN_IF_ERROR(ConnectApi());
    RETURN_IF_ERROR(ConnectRuntime());
    MakePods();
    RETURN_IF_ERROR(MakeNode());
    RETURN_IF_ERROR(Serve());
    RETURN_IF_ERROR(StartWatches());
    node_->Start();
    if (pods_ != nullptr) {
      RETURN_IF_ERROR(pods_->Start(), "starting the pod workers");
      Record("Normal", "NodeAllocatableEnforced", "Updated Node Allocatable limit across pods");
    }
    return absl::OkStatus();
  }

  // Called from time to time by the main thread.
  void Tick() {
    if (service_ != nullptr) service_->ReloadChangedFiles();
  }

  absl::Status Healthy() const { return pods_ == nullptr ? absl::OkStatus() : pods_->Health(); }

 private:
  absl::Status PrepareHost() {
    const auto& kubelet = config_.kubelet;
    cgroup_v2_ = agent::HostHasCgroupV2();
    RETURN_IF_ERROR(agent::CheckHost(kubelet, cgroup_v2_, agent::CountSwaps()));
    RETURN_IF_ERROR(agent::TuneHost(kubelet));
    std::error_code error;
    std::filesystem::create_directories(flags_.root_dir + "/pods", error);
    if (error) return base::FromErrno(error.value(), flags_.root_dir);
    ASSIGN_OR_RETURN(identity_.name, agent::NodeName(flags_.hostname_override));
    ASSIGN_OR_RETURN(identity_.addresses,
                     agent::ChooseNodeAddresses(flags_.node_ip, agent::LocalAddresses(),
                                                agent::DefaultRouteInterface()));
    ASSIGN_OR_RETURN(identity_.facts, agent::ReadSystemFacts());
    identity_.labels = flags_.node_labels;
    identity_.kubelet_version = BERTH_VERSION;
    identity_.external_cloud = flags_.cloud_provider == "external";
    identity_.provided_node_ip = flags_.node_ip;
    return absl::OkStatus();
  }

  absl::Status ConnectApi() {
    if (flags_.kubeconfig.empty()) {
      BERTH_INFO("no --kubeconfig: standalone, without an API server");
      return absl::OkStatus();
    }
    if (!std::filesystem::exists(flags_.kubeconfig) && !flags_.bootstrap_kubeconfig.empty()) {
      return base::MakeStatus(absl::StatusCode::kUnimplemented,
                              "--bootstrap-kubeconfig: TLS bootstrap is not supported; give a "
                              "kubeconfig with a certificate");
    }
    ASSIGN_OR_RETURN(const client::Kubeconfig kubeconfig,
                     client::LoadKubeconfig(flags_.kubeconfig));
    ASSIGN_OR_RETURN(auto transport, client::MakeTransport(io_, kubeconfig), flags_.kubeconfig);
    api_ = std::make_unique<client::ApiClient>(std::move(transport));
    // Heartbeats have connections of their own and do not wait long.
    ASSIGN_OR_RETURN(auto beats, client::MakeTransport(io_, kubeconfig), flags_.kubeconfig);
    const absl::Duration patience =
        std::min(config_.kubelet.node_status_update_frequency,
                 absl::Seconds(config_.kubelet.node_lease_duration_seconds));
    heartbeat_api_ = std::make_unique<client::ApiClient>(std::move(beats), patience);
    recorder_ =
        std::make_unique<client::EventRecorder>(*api_, pool_, clock_, "kubelet", identity_.name);
    services_ =
        std::make_unique<client::Informer<core::Service>>(*api_, pool_, clock_, client::kServices);
    // Routes need every node, else the own one is enough.
    client::InformerOptions which;
    if (!flags_.pod_routes) which.field_selector = StrCat("metadata.name=", identity_.name);
    nodes_ =
        std::make_unique<client::Informer<core::Node>>(*api_, pool_, clock_, client::kNodes, which);
    if (flags_.pod_routes) {
      routes_ = std::make_unique<netproxy::PodRoutes>(*nodes_, pool_, clock_, identity_.name);
    }
    return absl::OkStatus();
  }

  absl::Status ConnectRuntime() {
    ASSIGN_OR_RETURN(grpc_, cri::GrpcRuntime::Make(config_.kubelet.container_runtime_endpoint),
                     "containerRuntimeEndpoint");
    events_ = grpc_->MakeEventSource(event_pool_, clock_);
    runtime_ = std::make_unique<cri::MeasuredRuntime>(*grpc_, metrics_.OfRuntimeCalls());
    // A runtime that is not there yet will be; its usual name serves until then.
    const agent::RuntimeSeen seen = agent::ProbeRuntime(*runtime_, kFirstProbe);
    if (!seen.name.empty()) runtime_name_ = seen.name;
    cgroup_driver_ = config_.kubelet.cgroup_driver;
    if (!seen.reachable.ok()) return absl::OkStatus();
    // What the runtime says about cgroups wins over the configuration.
    const std::string driver = agent::RuntimeCgroupDriver(*runtime_, kFirstProbe);
    if (!driver.empty()) cgroup_driver_ = driver;
    return absl::OkStatus();
  }

  void MakePods() {
    if (api_ == nullptr) return;
    const auto& kubelet = config_.kubelet;
    objects_ = std::make_unique<agent::ApiObjects>(
        *api_, clock_,
        [this] {
          // A pod must not start with half of the services in its environment.
          services_->WaitForSync(kServicesWait);
          return services_->List();
        },
        [this] { return node_->Allocatable(); });
    volumes_ = std::make_unique<agent::NodeVolumes>(flags_.root_dir, mounter_, *objects_,
                                                    agent::ApiTokenIssuer(*api_), clock_);
    agent::ImagePullerOptions pulls;
    pulls.max_parallel_pulls = kubelet.serialize_image_pulls ? 1 : kubelet.max_parallel_image_pulls;
    pulls.call_timeout = kubelet.runtime_request_timeout;
    pulls.node_docker_config = flags_.root_dir + "/config.json";
    images_ = std::make_unique<agent::CriImagePuller>(
        pulls, *runtime_, *objects_, clock_,
        [this](const core::Pod& pod, std::string_view type, std::string_view reason,
               std::string_view message, std::string_view field_path) {
          recorder_->Record(pod, type, reason, message, field_path);
        });
    agent::PodRuntimeParts parts;
    parts.api = api_.get();
    parts.recorder = recorder_.get();
    parts.clock = &clock_;
    parts.io = &io_;
    parts.runtime = runtime_.get();
    parts.events = events_.get();
    parts.volumes = volumes_.get();
    parts.images = images_.get();
    parts.objects = objects_.get();
    parts.metrics = &metrics_;
    parts.node = [this] { return node_->node(); };
    pods_ = std::make_unique<agent::PodRuntime>(PodOptions(), parts);
  }

  agent::PodRuntimeOptions PodOptions() const {
    const auto& kubelet = config_.kubelet;
    agent::PodRuntimeOptions options;
    options.node_name = identity_.name;
    options.node_ips = identity_.addresses;
    options.root_dir = flags_.root_dir;
    options.pod_logs_dir = kubelet.pod_logs_dir;
    while (options.pod_logs_dir.size() > 1 && options.pod_logs_dir.ends_with('/')) {
      options.pod_logs_dir.pop_back();
    }
    options.cluster_dns = kubelet.cluster_dns;
    options.cluster_domain = kubelet.cluster_domain;
    options.resolv_conf = kubelet.resolv_conf;
    options.container_runtime_name = runtime_name_;
    options.cgroup_driver = cgroup_driver_;
    options.cgroup_root = kubelet.cgroup_root.empty() ? "/" : kubelet.cgroup_root;
    options.cgroups_per_qos = kubelet.cgroups_per_qos;
    options.pod_pids_limit = kubelet.pod_pids_limit;
    options.cpu_cfs_quota = kubelet.cpu_cfs_quota;
    options.group_oom_kill = cgroup_v2_ && !kubelet.single_process_oom_kill;
    options.seccomp_default = kubelet.seccomp_default;
    options.allowed_unsafe_sysctls = kubelet.allowed_unsafe_sysctls;
    options.max_pods = kubelet.max_pods;
    options.sync_frequency = kubelet.sync_frequency;
    options.max_restart_backoff = kubelet.max_container_restart_period;
    options.runtime_request_timeout = kubelet.runtime_request_timeout;
    return options;
  }

  absl::Status MakeNode() {
    agent::NodeAgentParts parts;
    parts.api = heartbeat_api_.get();
    parts.runtime = runtime_.get();
    parts.clock = &clock_;
    parts.executor = &node_pool_;
    parts.root_dir = flags_.root_dir;
    parts.pods_health = [this] { return Healthy(); };
    parts.network_ready = [this] {
      if (pods_ != nullptr) pods_->PokeAll();
    };
    parts.record = [this](std::string_view type, std::string_view reason,
                          std::string_view message) { Record(type, reason, message); };
    node_ = std::make_unique<agent::NodeAgent>(identity_, config_.kubelet, parts);
    if (api_ == nullptr) return absl::OkStatus();
    Record("Normal", "Starting", "Starting kubelet.");
    if (!cgroup_v2_) {
      Record("Warning", "CgroupV1",
             "cgroup v1 support is in maintenance mode, please migrate to cgroup v2");
    }
    return absl::OkStatus();
  }

  absl::Status Serve() {
    agent::KubeletServiceParts parts;
    parts.api = api_.get();
    parts.pods = pods_.get();
    parts.runtime = runtime_.get();
    parts.io = &io_;
    parts.executor = &pool_;
    parts.clock = &clock_;
    parts.metrics = &metrics_;
    parts.healthy = [this] { return Healthy(); };
    service_ =
        std::make_unique<agent::KubeletService>(config_.kubelet, identity_, flags_.cert_dir, parts);
    return service_->Start();
  }

  // Everybody who listens says so before the first list comes in.
  absl::Status StartWatches() {
    if (api_ == nullptr) return absl::OkStatus();
    nodes_->OnChange([this](const std::string& key) {
      if (key == identity_.name) node_->NodeChanged(nodes_->Get(key));
    });
    proxy_ = std::make_unique<ServiceProxy>(*api_, *services_, *nodes_, io_, pool_, clock_);
    RETURN_IF_ERROR(proxy_->Start(config_, identity_.name));
    nodes_->Start();
    services_->Start();
    return absl::OkStatus();
  }

  void Record(std::string_view type, std::string_view reason, std::string_view message) {
    if (recorder_ == nullptr) return;
    // The Node's name in both places, as `kubectl describe node` looks for it.
    core::Node reference;
    reference.mutable_metadata()->set_name(identity_.name);
    reference.mutable_metadata()->set_uid(identity_.name);
    recorder_->Record(reference, type, reason, message);
  }

  void Stop() {
    service_ = nullptr;
    proxy_ = nullptr;
    routes_ = nullptr;
    nodes_ = nullptr;
    if (node_ != nullptr) node_->Stop();
    if (pods_ != nullptr) pods_->Stop();
    services_ = nullptr;
  }

  const Flags flags_;
  const Config config_;
  agent::NodeIdentity identity_;
  bool cgroup_v2_ = false;
  std::string runtime_name_ = "containerd", cgroup_driver_;

  base::RealClock clock_;
  http::IoContext io_;
  base::ThreadPool pool_{"work", 32};
  base::ThreadPool node_pool_{"node", 3};
  base::ThreadPool event_pool_{"cri-events", 1};
  agent::SystemMounter mounter_;
  std::unique_ptr<client::ApiClient> api_, heartbeat_api_;
  std::unique_ptr<client::EventRecorder> recorder_;
  std::unique_ptr<client::Informer<core::Service>> services_;
  std::unique_ptr<client::Informer<core::Node>> nodes_;
  std::unique_ptr<netproxy::PodRoutes> routes_;
  agent::KubeletMetrics metrics_;
  std::unique_ptr<cri::GrpcRuntime> grpc_;
  std::unique_ptr<cri::MeasuredRuntime> runtime_;
  std::unique_ptr<cri::EventSource> events_;
  std::unique_ptr<agent::ApiObjects> objects_;
  std::unique_ptr<agent::NodeVolumes> volumes_;
  std::unique_ptr<agent::CriImagePuller> images_;
  std::unique_ptr<agent::NodeAgent> node_;
  std::unique_ptr<agent::PodRuntime> pods_;
  std::unique_ptr<ServiceProxy> proxy_;
  std::unique_ptr<agent::KubeletService> service_;
};

// Waits for SIGTERM or SIGINT; in between it feeds systemd's watchdog and the daemon's tick.
void WaitForEnd(Daemon& daemon, const sigset_t& signals) {
  uint64_t watchdog_us = 0;
  const bool watched = sd_watchdog_enabled(0, &watchdog_us) > 0;
  const timespec wait =
      absl::ToTimespec(watched ? std::min(kTick, absl::Microseconds(watchdog_us) / 2) : kTick);
  while (true) {
    const int got = sigtimedwait(&signals, nullptr, &wait);
    if (got == SIGTERM || got == SIGINT) return;
    daemon.Tick();
    if (watched && daemon.Healthy().ok()) sd_notify(0, "WATCHDOG=1");
  }
}

absl::Status StartLog(const Flags& flags, const Config& config) {
  base::LogOptions options;
  options.level =
      config.kubelet.logging.verbosity >= 4 ? base::LogLevel::kDebug : base::LogLevel::kInfo;
  options.format =
      config.kubelet.logging.format == "json" ? base::LogFormat::kJson : base::LogFormat::kText;
  options.file = flags.log_file;
  return base::InitLog(options);
}

int Run(Flags flags, Config config) {
  // Before any thread: every one of them inherits the mask.
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  BERTH_INFO("berthd starts", {"version", BERTH_VERSION}, {"pid", getpid()});
  if (!flags.deprecated.empty()) {
    BERTH_WARNING("deprecated flags: use the configuration file",
                  {"flags", base::Join(flags.deprecated, " ")});
  }
  if (const auto fields = config.WithoutEffect(); !fields.empty()) {
    BERTH_DEBUG("configuration fields without effect", {"fields", base::Join(fields, " ")});
  }
  Daemon daemon(std::move(flags), std::move(config));
  if (const absl::Status status = daemon.Start(); !status.ok()) return Fail(kFailed, status);
  sd_notify(0, "READY=1");
  WaitForEnd(daemon, signals);
  BERTH_INFO("berthd ends; containers go on");
  sd_notify(0, "STOPPING=1");
  return 0;
}

int Main(int argc, char** argv) {
  // Few arenas: many short-lived threads would each get one of their own.
  mallopt(M_ARENA_MAX, 2);
  auto flags = agent::ParseFlags({argv + 1, argv + argc});
  if (!flags.ok()) return Fail(kBadUsage, flags.status());
  if (!flags->help.empty()) return std::fputs(flags->help.c_str(), stdout) < 0 ? kFailed : 0;
  if (flags->show_version) return std::puts("Kubernetes " BERTH_VERSION) < 0 ? kFailed : 0;
  auto config = ReadConfig(*flags);
  if (!config.ok()) return Fail(kFailed, config.status());
  if (const absl::Status status = StartLog(*flags, *config); !status.ok()) {
    return Fail(kFailed, status);
  }
  if (geteuid() != 0) return Fail(kFailed, base::FailedPrecondition("berthd must run as root"));
  if (flags->cleanup) return Cleanup();
  return Run(*std::move(flags), *std::move(config));
}

}  // namespace
}  // namespace berth

int main(int argc, char** argv) { return berth::Main(argc, argv); }
