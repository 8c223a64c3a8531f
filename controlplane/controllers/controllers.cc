// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/controllers.h"

#include <vector>

#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/log.h"
#include "client/event_recorder.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/daemon_set_controller.h"
#include "controlplane/controllers/deployment_controller.h"
#include "controlplane/controllers/disruption_controller.h"
#include "controlplane/controllers/endpoints_controller.h"
#include "controlplane/controllers/garbage_collector.h"
#include "controlplane/controllers/informers.h"
#include "controlplane/controllers/job_controller.h"
#include "controlplane/controllers/namespace_controller.h"
#include "controlplane/controllers/node_lifecycle_controller.h"
#include "controlplane/controllers/pod_collector.h"
#include "controlplane/controllers/pod_eviction.h"
#include "controlplane/controllers/replica_set_controller.h"
#include "controlplane/controllers/role_aggregator.h"
#include "controlplane/controllers/signing_controller.h"
#include "controlplane/controllers/token_cleaner.h"
#include "controlplane/scheduler/scheduler.h"

namespace berth::controlplane {

// Members end in reverse: queues first, which wait for their handlers, then what those use.
class Controllers::Impl {
 public:
  Impl(client::ApiClient& api, base::Clock& clock, ControllerOptions options)
      : options_(std::move(options)),
        watchers_("watch", 4),
        workers_("controller", options_.worker_threads),
        informers_(api, watchers_, clock),
        scheduler_events_(api, workers_, clock, "default-scheduler", ""),
        deployment_events_(api, workers_, clock, "deployment-controller", ""),
        replica_set_events_(api, workers_, clock, "replicaset-controller", ""),
        node_events_(api, workers_, clock, "node-controller", ""),
        eviction_events_(api, workers_, clock, "taint-eviction-controller", ""),
        daemon_set_events_(api, workers_, clock, "daemonset-controller", ""),
        job_events_(api, workers_, clock, "job-controller", ""),
        disruption_events_(api, workers_, clock, "controllermanager", ""),
        context_{api, clock, workers_, informers_, options_},
        start_(workers_, clock, [this](const std::string&) { BeginWhenSynced(); }) {
    controllers_.push_back(std::make_unique<Scheduler>(context_, scheduler_events_));
    controllers_.push_back(std::make_unique<NamespaceController>(context_));
    controllers_.push_back(std::make_unique<NodeLifecycleController>(context_, node_events_));
    controllers_.push_back(std::make_unique<PodEviction>(context_, eviction_events_));
    controllers_.push_back(std::make_unique<DeploymentController>(context_, deployment_events_));
    controllers_.push_back(std::make_unique<ReplicaSetController>(context_, replica_set_events_));
    controllers_.push_back(std::make_unique<DaemonSetController>(context_, daemon_set_events_));
    controllers_.push_back(std::make_unique<JobController>(context_, job_events_));
    controllers_.push_back(std::make_unique<EndpointsController>(context_));
    controllers_.push_back(std::make_unique<DisruptionController>(context_, disruption_events_));
    controllers_.push_back(std::make_unique<GarbageCollector>(context_));
    controllers_.push_back(std::make_unique<PodCollector>(context_));
    controllers_.push_back(std::make_unique<SigningController>(context_));
    controllers_.push_back(std::make_unique<TokenCleaner>(context_));
    controllers_.push_back(std::make_unique<RoleAggregator>(context_));
  }

  ~Impl() {
    context_.ready = false;
    informers_.Close();
    controllers_.clear();
  }

  void Start() {
    informers_.Start();
    start_.Add("start");
  }
  bool Started() const { return context_.ready; }

 private:
  void BeginWhenSynced() {
    if (!informers_.Synced()) return start_.AddAfter("start", absl::Milliseconds(10));
    context_.ready = true;
    for (const auto& controller : controllers_) controller->Begin();
    BERTH_INFO("controllers started");
  }

  const ControllerOptions options_;
  base::ThreadPool watchers_;
  base::ThreadPool workers_;
  Informers informers_;
  client::EventRecorder scheduler_events_;
  client::EventRecorder deployment_events_;
  client::EventRecorder replica_set_events_;
  client::EventRecorder node_events_;
  client::EventRecorder eviction_events_;
  client::EventRecorder daemon_set_events_;
  client::EventRecorder job_events_;
  client::EventRecorder disruption_events_;
  Context context_;
  std::vector<std::unique_ptr<Controller>> controllers_;
  base::KeyedQueue start_;
};

Controllers::Controllers(client::ApiClient& api, base::Clock& clock, ControllerOptions options)
    : impl_(std::make_unique<Impl>(api, clock, std::move(options))) {}

Controllers::~Controllers() = default;

void Controllers::Start() { impl_->Start(); }

bool Controllers::Started() const { return impl_->Started(); }

}  // namespace berth::controlplane
