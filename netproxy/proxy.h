// SPDX-License-Identifier: Apache-2.0
// kube-proxy: watches services, their endpoint slices and the own node, and keeps nf_tables as they
// want it. Events only mark services as changed; a sync, at most two in `min_sync_period`, looks at
// their latest state and changes the kernel in one transaction per IP family.
//
// What others change in its tables is noticed within a second and repaired, at most every 10 s.
//
// On start, what an earlier process left is compared and kept; established connections go on. On
// destruction nothing is removed from the kernel, so that a restart disturbs nobody. Thread-safe.
#ifndef BERTH_NETPROXY_PROXY_H_
#define BERTH_NETPROXY_PROXY_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"
#include "client/informer.h"
#include "netproxy/family_proxy.h"
#include "netproxy/health_check_ports.h"
#include "netproxy/proxy_health.h"
#include "netproxy/proxy_metrics.h"
#include "netproxy/sync_schedule.h"

namespace berth::api::core::v1 {
class Node;
class Service;
}  // namespace berth::api::core::v1
namespace berth::api::discovery::v1 {
class EndpointSlice;
}

namespace berth::netproxy {

struct ProxyOptions {
  std::string node_name;
  std::vector<std::string> cluster_cidrs;  // of either family; bad ones are refused by Check()
  std::vector<std::string> service_cidrs;
  bool masquerade_all = false;
  int masquerade_bit = 14;
  // Pods that leave the cluster get the node's address. For networks whose CNI plugin does not.
  bool masquerade_pod_egress = true;
  std::vector<std::string> node_port_addresses;  // empty: the node's own ("primary")
  absl::Duration min_sync_period = absl::Seconds(1);
  absl::Duration sync_period = absl::Seconds(30);  // the longest wait after a failure
  absl::Duration full_sync_period = absl::Hours(1);

  // InvalidArgument for a value that is none.
  absl::Status Check() const;
};

// The backends; nullptr for a family that is not served.
struct ProxyBackends {
  std::unique_ptr<RulesetBackend> four;
  std::unique_ptr<RulesetBackend> six;
  FamilyProxy::FlowCleaner clean_four;
  FamilyProxy::FlowCleaner clean_six;
  // Called once the first complete sync is done, on its thread. May be empty.
  std::function<void()> after_first_sync;
  // What others did to the tables since the last call; from any thread. May be empty.
  std::function<std::vector<ForeignEdit>()> foreign_edits;
};
// The kernel's nf_tables and conntrack, in the namespace of the thread that syncs.
ProxyBackends KernelBackends();

// What the proxy watches. The caller owns the informers, may share them, and starts them after the
// proxy has been made; they outlive it. Services may be all or only those without the labels that
// give them to others; nodes may be all or only the own one.
struct ProxyInformers {
  client::Informer<api::core::v1::Service>& services;
  client::Informer<api::discovery::v1::EndpointSlice>& endpoint_slices;
  client::Informer<api::core::v1::Node>& own_node;
};
// Of the slices that the proxy wants.
client::InformerOptions SliceInformerOptions();

class Proxy {
 public:
  // `executor` runs syncs, `metrics` may be null. All outlive the proxy.
  Proxy(ProxyInformers informers, base::Executor& executor, base::Clock& clock,
        ProxyOptions options, ProxyBackends backends, ProxyMetrics* metrics = nullptr);
  ~Proxy();

  // Before Start(): services' health check node ports are served there. It outlives the proxy.
  void UseHealthCheckPorts(HealthCheckPorts& ports);

  // Syncs from now on, first when all informers have their lists.
  void Start();
  // The first complete sync is done.
  bool Ready() const;
  // Serve on :10256.
  http::Handler HealthHandler() { return health_.Handler(); }
  const ProxyHealth& health() const { return health_; }

  // Deletes the tables of both families (`berthd cleanup`).
  static absl::Status Cleanup(ProxyBackends backends);

 private:
  class Directory;
  void OnService(const std::string& key);
  void OnSlice(const std::string& key, const client::InformerBase::Snapshot& before,
               const client::InformerBase::Snapshot& after);
  void RequestSync();
  void HandleQueue(const std::string& key);
  void LookForForeignEdits();
  void Sync();
  std::optional<NodeNetwork> Node();
  void UpdateHealthChecks(const std::set<std::string>& changed);
  absl::Status SyncFamilies(const NodeNetwork& node, const std::set<std::string>& changed);

  base::Clock& clock_;
  const ProxyOptions options_;
  ProxyMetrics* const metrics_;
  HealthCheckPorts* health_checks_ = nullptr;
  ProxyHealth health_;
  std::function<void()> after_first_sync_;
  std::function<std::vector<ForeignEdit>()> foreign_edits_;
  std::vector<std::unique_ptr<FamilyProxy>> families_;  // used by the queue's handler only

  mutable base::Mutex mu_;
  std::set<std::string> changed_ BERTH_GUARDED_BY(mu_);  // services, by key
  std::map<std::string, std::set<std::string>, std::less<>> slices_ BERTH_GUARDED_BY(mu_);
  SyncSchedule schedule_ BERTH_GUARDED_BY(mu_);
  bool ready_ BERTH_GUARDED_BY(mu_) = false;
  bool full_ BERTH_GUARDED_BY(mu_) = false;     // compare with the kernel at the next sync
  bool rebuild_ BERTH_GUARDED_BY(mu_) = false;  // make the tables anew at the next sync

  ProxyInformers informers_;
  // The informers' handlers find the proxy by it, and null once it is gone.
  struct Link;
  std::shared_ptr<Link> link_;
  std::unique_ptr<base::KeyedQueue> queue_;  // last: it goes first and waits for a sync
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_PROXY_H_
