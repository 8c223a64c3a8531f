// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/informers.h"

#include <algorithm>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/batch/v1/batch.pb.h"
#include "api/proto/certificates/v1/certificates.pb.h"
#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "controlplane/controllers/endpoint_slice_plan.h"

namespace berth::controlplane {
namespace {

std::vector<std::string> PodTerms(const api::Message& object) {
  std::vector<std::string> terms = OwnerTerms(object);
  const auto& pod = static_cast<const api::core::v1::Pod&>(object);
  if (!pod.spec().node_name().empty()) terms.push_back(NodeTerm(pod.spec().node_name()));
  return terms;
}

std::vector<std::string> SliceTerms(const api::Message& object) {
  const auto& meta = *api::MetaOf(object);
  const auto service = meta.labels().find(std::string(kServiceNameLabel));
  const auto manager = meta.labels().find(std::string(kSliceManagedByLabel));
  if (service == meta.labels().end() || manager == meta.labels().end()) return {};
  if (manager->second != kSliceManager) return {};
  return {ServiceTerm(meta.namespace_(), service->second)};
}

}  // namespace

bool HandlerGate::Enter() {
  base::MutexLock l(mu_);
  if (closed_) return false;
  ++inside_;
  return true;
}

void HandlerGate::Leave() {
  base::MutexLock l(mu_);
  if (--inside_ == 0) left_.NotifyAll();
}

void HandlerGate::Close() {
  base::MutexLock l(mu_);
  closed_ = true;
  while (inside_ > 0) left_.Wait(mu_);
}

Informers::Informers(client::ApiClient& api, base::Executor& executor, base::Clock& clock)
    : nodes(api, executor, clock, client::kNodes),
      pods(api, executor, clock, client::kPods),
      services(api, executor, clock, client::kServices),
      endpoints(api, executor, clock, client::kEndpoints),
      namespaces(api, executor, clock, client::kNamespaces),
      service_accounts(api, executor, clock, client::kServiceAccounts),
      config_maps(api, executor, clock, client::kConfigMaps),
      secrets(api, executor, clock, client::kSecrets),
      slices(api, executor, clock, client::kEndpointSlices),
      leases(api, executor, clock, client::kLeases),
      deployments(api, executor, clock, client::kDeployments),
      replica_sets(api, executor, clock, client::kReplicaSets),
      budgets(api, executor, clock, client::kPodDisruptionBudgets),
      daemon_sets(api, executor, clock, client::kDaemonSets),
      revisions(api, executor, clock, client::kControllerRevisions),
      jobs(api, executor, clock, client::kJobs),
      cron_jobs(api, executor, clock, client::kCronJobs),
      signing_requests(api, executor, clock, client::kSigningRequests),
      pod_index(PodTerms),
      replica_set_index(OwnerTerms),
      deployment_index(OwnerTerms),
      service_index(OwnerTerms),
      slice_index(SliceTerms),
      budget_index(OwnerTerms),
      daemon_set_index(OwnerTerms),
      revision_index(OwnerTerms),
      job_index(OwnerTerms),
      all_{{client::kNodes, &nodes},
           {client::kPods, &pods},
           {client::kServices, &services},
           {client::kEndpoints, &endpoints},
           {client::kNamespaces, &namespaces},
           {client::kServiceAccounts, &service_accounts},
           {client::kConfigMaps, &config_maps},
           {client::kSecrets, &secrets},
           {client::kEndpointSlices, &slices},
           {client::kLeases, &leases},
           {client::kDeployments, &deployments},
           {client::kReplicaSets, &replica_sets},
           {client::kPodDisruptionBudgets, &budgets},
           {client::kDaemonSets, &daemon_sets},
           {client::kControllerRevisions, &revisions},
           {client::kJobs, &jobs},
           {client::kCronJobs, &cron_jobs},
           {client::kSigningRequests, &signing_requests}} {
  Feed(pods, pod_index);
  Feed(replica_sets, replica_set_index);
  Feed(deployments, deployment_index);
  Feed(services, service_index);
  Feed(slices, slice_index);
  Feed(budgets, budget_index);
  Feed(daemon_sets, daemon_set_index);
  Feed(revisions, revision_index);
  Feed(jobs, job_index);
}

Informers::~Informers() { Close(); }

void Informers::Feed(client::InformerBase& informer, Index& index) {
  OnChange(informer, [&index](const std::string& key, const Snapshot& before,
                              const Snapshot& after) { index.Apply(key, before, after); });
}

void Informers::OnChange(client::InformerBase& informer,
                         client::InformerBase::ChangeHandler handler) {
  informer.OnChangeWithObjects([this, handler = std::move(handler)](const std::string& key,
                                                                    const Snapshot& before,
                                                                    const Snapshot& after) {
    if (!gate_.Enter()) return;
    handler(key, before, after);
    gate_.Leave();
  });
}

void Informers::Start() {
  for (const Watched& watched : all_) watched.informer->Start();
}

bool Informers::Synced() const {
  return std::all_of(all_.begin(), all_.end(),
                     [](const Watched& watched) { return watched.informer->HasSynced(); });
}

}  // namespace berth::controlplane
