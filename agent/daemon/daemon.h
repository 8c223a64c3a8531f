// SPDX-License-Identifier: Apache-2.0
// The parts of berthd put together: builds them, starts them in order, ends them in reverse.
// Containers go on without it. Of the main thread.
#ifndef BERTH_AGENT_DAEMON_DAEMON_H_
#define BERTH_AGENT_DAEMON_DAEMON_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "agent/certs/certificate_keeper.h"
#include "agent/config/config_file.h"
#include "agent/config/flags.h"
#include "agent/daemon/service_proxy.h"
#include "agent/env/container_env.h"
#include "agent/eviction/evictions.h"
#include "agent/eviction/usage_reader.h"
#include "agent/images/cri_image_puller.h"
#include "agent/images/image_collector.h"
#include "agent/images/image_leases.h"
#include "agent/node/node_agent.h"
#include "agent/node/oom_watcher.h"
#include "agent/observe/kubelet_metrics.h"
#include "agent/pods/pod_runtime.h"
#include "agent/server/kubelet_service.h"
#include "agent/volumes/node_volumes.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/liveness.h"
#include "base/processor_load.h"
#include "client/api_client.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "client/kubeconfig.h"
#include "cri/grpc_runtime.h"
#include "cri/measured_runtime.h"
#include "cri/paced_runtime.h"
#include "http/io_context.h"
#include "kernel/inotify.h"
#include "netproxy/pod_routes.h"

namespace berth::agent {

class Daemon {
 public:
  Daemon(Flags flags, Config config);
  ~Daemon();

  // Errors are for the operator: configuration, host, ports.
  absl::Status Start();
  // Called from time to time.
  void Tick();
  // OK while the pods' part works.
  absl::Status Healthy() const;
  // What a new process would put right: besides, the threads run what they are given. For the
  // main thread.
  absl::Status Alive();

 private:
  absl::Status PrepareHost();
  absl::Status ConnectApi();
  absl::Status ConnectProxyApi();
  client::ApiClient& ProxyApi() { return proxy_api_ != nullptr ? *proxy_api_ : *api_; }
  absl::Status ConnectRuntime();
  absl::Status MakeNode();
  absl::Status Serve();
  absl::Status StartWatches();
  void Record(std::string_view type, std::string_view reason, std::string_view message);
  void Stop();

  // daemon_certs.cc
  absl::Status Bootstrap();
  // An API client with the node's credentials, which follows when they are renewed.
  absl::StatusOr<std::unique_ptr<client::ApiClient>> MakeNodeClient(absl::Duration timeout);
  void UseStoredCertificate();
  void KeepClientCertificate();
  void ClientCertificateRenewed(const CertificateAndKey& pair);
  void KeepServingCertificate();
  std::optional<CertificateWish> ServingWish() const;
  absl::Status CheckClientCertificate() const;

  // daemon_pods.cc
  void MakePods();
  PodRuntimeOptions PodOptions() const;

  // daemon_pressure.cc
  int64_t HardMemoryThreshold() const;  // bytes
  void MakeImageCollector();
  void MakeEvictions();
  absl::Status EnforceReservations();
  void WatchForOom();

  const Flags flags_;
  const Config config_;
  NodeIdentity identity_;
  bool cgroup_v2_ = false;
  std::string runtime_name_ = "containerd", cgroup_driver_;

  base::RealClock clock_;
  http::IoContext io_;
  base::ThreadPool pool_{"work", 32};
  base::ThreadPool node_pool_{"node", 3};
  base::ThreadPool event_pool_{"cri-events", 1};
  base::ThreadPool pressure_pool_{"pressure", 2};
  std::unique_ptr<kernel::Inotify>
      inotify_;  // the one of this process; null: the host has none left
  base::ThreadPool inotify_pool_{"inotify", 1};
  SystemMounter mounter_;
  client::Kubeconfig kubeconfig_;  // the node's; its certificate as it was at the start
  std::vector<client::RenewableTransport*> node_transports_;  // of the clients below
  std::unique_ptr<client::ApiClient> api_, heartbeat_api_;
  std::unique_ptr<client::ApiClient> proxy_api_;  // null: api_ serves
  std::unique_ptr<client::EventRecorder> recorder_;
  std::unique_ptr<client::Informer<api::core::v1::Service>> services_;
  std::unique_ptr<client::Informer<api::core::v1::Node>> own_node_;
  std::unique_ptr<client::Informer<api::core::v1::Node>> peers_;  // with --pod-routes: every node
  std::unique_ptr<netproxy::PodRoutes> routes_;
  KubeletMetrics metrics_;
  std::unique_ptr<CertificateKeeper> client_keeper_, serving_keeper_;  // null: not ours to renew
  std::unique_ptr<cri::GrpcRuntime> grpc_;
  std::unique_ptr<cri::MeasuredRuntime> runtime_;
  base::ProcessorLoad load_;
  std::unique_ptr<cri::PacedRuntime> paced_;  // what pods are made through
  std::unique_ptr<cri::EventSource> events_;
  std::unique_ptr<ObjectReader> objects_;
  std::unique_ptr<NodeVolumes> volumes_;
  ImageLeases leases_{clock_};
  std::unique_ptr<CriImagePuller> images_;
  std::unique_ptr<NodeAgent> node_;
  std::unique_ptr<PodRuntime> pods_;
  std::unique_ptr<ImageCollector> collector_;
  std::unique_ptr<UsageReader> usage_;
  std::unique_ptr<Evictions> evictions_;
  std::unique_ptr<OomWatcher> oom_watcher_;  // null: the kernel's log is not for us
  std::unique_ptr<ServiceProxy> proxy_;
  std::unique_ptr<KubeletService> service_;
  std::vector<base::Liveness> liveness_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_DAEMON_DAEMON_H_
