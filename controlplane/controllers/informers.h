// SPDX-License-Identifier: Apache-2.0
// One informer per resource, shared by the scheduler and all controllers, with their indexes.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_INFORMERS_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_INFORMERS_H_

#include <functional>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "client/api_client.h"
#include "client/informer.h"
#include "controlplane/controllers/index.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// Lets handlers of change events in until it is closed; Close() waits for those inside.
class HandlerGate {
 public:
  bool Enter();
  void Leave();
  void Close();

 private:
  base::Mutex mu_;
  base::CondVar left_;
  bool closed_ BERTH_GUARDED_BY(mu_) = false;
  int inside_ BERTH_GUARDED_BY(mu_) = 0;
};

class Informers {
 public:
  using Snapshot = client::InformerBase::Snapshot;
  template <class T>
  using Handler = std::function<void(const std::string& key, const T* before, const T* after)>;

  Informers(client::ApiClient& api, base::Executor& executor, base::Clock& clock);
  ~Informers();

  // Handlers are added before Start(); after Close() none runs.
  void OnChange(client::InformerBase& informer, client::InformerBase::ChangeHandler handler);
  template <class T>
  void OnChange(client::Informer<T>& informer, Handler<T> handler) {
    OnChange(static_cast<client::InformerBase&>(informer),
             [handler = std::move(handler)](const std::string& key, const Snapshot& before,
                                            const Snapshot& after) {
               handler(key, static_cast<const T*>(before.get()),
                       static_cast<const T*>(after.get()));
             });
  }
  void Start();
  bool Synced() const;
  void Close() { gate_.Close(); }

  // What the garbage collector watches: every informer with its resource.
  struct Watched {
    client::Resource resource;
    client::InformerBase* informer;
  };
  const std::vector<Watched>& all() const { return all_; }

  client::Informer<api::core::v1::Node> nodes;
  client::Informer<api::core::v1::Pod> pods;
  client::Informer<api::core::v1::Service> services;
  client::Informer<api::core::v1::Endpoints> endpoints;
  client::Informer<api::core::v1::Namespace> namespaces;
  client::Informer<api::core::v1::ServiceAccount> service_accounts;
  client::Informer<api::core::v1::ConfigMap> config_maps;
  client::Informer<api::core::v1::Secret> secrets;
  client::Informer<api::discovery::v1::EndpointSlice> slices;
  client::Informer<api::coordination::v1::Lease> leases;
  client::Informer<api::apps::v1::Deployment> deployments;
  client::Informer<api::apps::v1::ReplicaSet> replica_sets;
  client::Informer<api::policy::v1::PodDisruptionBudget> budgets;
  client::Informer<api::apps::v1::DaemonSet> daemon_sets;
  client::Informer<api::apps::v1::ControllerRevision> revisions;
  client::Informer<api::batch::v1::Job> jobs;
  client::Informer<api::batch::v1::CronJob> cron_jobs;
  client::Informer<api::certificates::v1::CertificateSigningRequest> signing_requests;

  Index pod_index;          // by owner, namespace and node
  Index replica_set_index;  // by owner and namespace
  Index deployment_index;   // by namespace
  Index service_index;      // by namespace
  Index slice_index;        // by Service
  Index budget_index;       // by namespace
  Index daemon_set_index;   // by namespace
  Index revision_index;     // by owner and namespace
  Index job_index;          // by owner and namespace

 private:
  void Feed(client::InformerBase& informer, Index& index);

  HandlerGate gate_;
  std::vector<Watched> all_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_INFORMERS_H_
