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

class PodSet {
 public:
  using PodPtr = std::shared_ptr<const api::core::v1::Pod>;
  using NodeSource = std::function<std::shared_ptr<const api::core::v1::Node>()>;

  PodSet(const WorkerContext& context, base::Executor& executor, NodeSource node);

  // From the source: a pod that is there, in its latest version.
  void Deliver(PodPtr pod);
  // From the source: the API has it no more.
  void Lost(std::string_view uid);
  // The source has delivered every pod that there is; until then nothing unknown is an orphan and
  // no new pod is admitted.
  void SourceReady();
  // What the runtime has: pods that nobody wants any more are ended. Also old directories and
  // cgroups of such.
  void Reconcile(const std::map<std::string, RuntimePod>& runtime_pods);

  void Poke(const std::string& uid, absl::Duration delay);
  // Something of it in the runtime is other than its worker knows.
  void RuntimeChanged(const std::string& uid);
  void PokeAll();
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
  std::vector<PodPtr> ActivePods() const;
  void RemoveLeftovers();

  const WorkerContext& context_;
  const NodeSource node_;
  mutable base::Mutex mu_;
  std::map<std::string, std::shared_ptr<PodWorker>, std::less<>> workers_ BERTH_GUARDED_BY(mu_);
  struct Waiting {
    PodPtr pod;
    absl::Time arrived;
  };
  std::map<std::string, Waiting, std::less<>> waiting_ BERTH_GUARDED_BY(mu_);
  bool source_ready_ BERTH_GUARDED_BY(mu_) = false;
  base::KeyedQueue queue_;  // last: ends first
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_PODS_POD_SET_H_
