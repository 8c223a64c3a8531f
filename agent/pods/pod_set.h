// SPDX-License-Identifier: Apache-2.0
// The workers of all pods: takes versions of pods from the source, admits new ones one by one,
// hands each to its worker, drops workers that are done. Thread-safe.
#ifndef BERTH_AGENT_PODS_POD_SET_H_
#define BERTH_AGENT_PODS_POD_SET_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/observe/read_pod.h"
#include "agent/pods/pod_worker.h"
#include "agent/pods/worker_context.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"

namespace berth::agent {

enum class PodSource { kApi, kStatic };
using NodeSource = std::function<std::shared_ptr<const api::core::v1::Node>()>;

struct PodSources {
  std::set<PodSource> expected = {PodSource::kApi};
  // The Node as this daemon would make it: static pods do not wait for the API's.
  NodeSource initial_node = [] { return nullptr; };
};

class PodSet {
 public:
  using PodPtr = std::shared_ptr<const api::core::v1::Pod>;
  // `node` is the API's Node, null until it is known.
  PodSet(const WorkerContext& context, base::Executor& executor, NodeSource node,
         PodSources sources = {});

  // From the source: a pod that is there, in its latest version.
  void Deliver(PodPtr pod);
  // From the source: the API has it no more.
  void Lost(std::string_view uid);
  // The source has delivered every pod that there is. Before, none of its new pods is admitted;
  // until all sources have, nothing unknown is an orphan.
  void SourceReady(PodSource source = PodSource::kApi);
  // What the runtime has: pods that nobody wants any more are ended. Also old directories and
  // cgroups of such.
  void Reconcile(const std::map<std::string, RuntimePod>& runtime_pods);

  void Poke(const std::string& uid, absl::Duration delay);
  // Something of it in the runtime is other than its worker knows.
  void RuntimeChanged(const std::string& uid);
  void PokeAll();
  // The node ends this pod; false when it has none of that uid.
  bool End(const std::string& uid, PodVerdict verdict);
  // Pods that have ended give back what they still hold in the runtime.
  void FreeContainers();
  // Those that run or may run, and count for admission.
  std::vector<PodPtr> ActivePods() const;
  void Stop() { queue_.Stop(); }  // no worker runs afterwards
  // Its status has reached the API.
  void StatusWritten(const std::string& uid);

  std::shared_ptr<PodWorker> Find(std::string_view uid) const;
  std::shared_ptr<PodWorker> FindByName(std::string_view namespace_, std::string_view name) const;
  std::vector<std::shared_ptr<PodWorker>> All() const;

 private:
  void Handle(const std::string& uid);
  // New pods that wait to be admitted, oldest first.
  void AdmitWaiting();
  void RemoveLeftovers();
  // A static pod waits until an earlier one of its name is gone.
  bool NameTaken(const api::core::v1::Pod& pod) const BERTH_REQUIRES(mu_);

  const WorkerContext& context_;
  const NodeSource node_;
  const NodeSource initial_node_;
  mutable base::Mutex mu_;
  std::map<std::string, std::shared_ptr<PodWorker>, std::less<>> workers_ BERTH_GUARDED_BY(mu_);
  struct Waiting {
    PodPtr pod;
    absl::Time arrived;
    bool accepted_before = false;  // this node ran it already, or it is beyond that
  };
  std::vector<Waiting> TakeAdmissible(bool node_known);
  // False: room is being made for it, it waits with those after it.
  bool Admit(const Waiting& waiting, const api::core::v1::Node& node);
  enum class Room { kThere, kBeingMade, kNone };
  // For a critical pod that does not fit: others end for it. kNone: `verdict` says why.
  Room MakeRoom(const api::core::v1::Pod& pod, const api::core::v1::Node& node,
                std::optional<PodVerdict>& verdict);
  std::map<std::string, Waiting, std::less<>> waiting_ BERTH_GUARDED_BY(mu_);
  std::set<PodSource> silent_ BERTH_GUARDED_BY(mu_);  // sources that have not spoken
  bool admitting_ BERTH_GUARDED_BY(mu_) = false;      // some pods are neither waiting nor workers
  base::KeyedQueue queue_;                            // last: ends first
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_POD_SET_H_
