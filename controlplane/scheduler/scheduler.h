// SPDX-License-Identifier: Apache-2.0
// Binds pods to nodes: one pod at a time by DecideNode() over a snapshot that informers keep up.
// A pod counts on its node from the moment it is bound, before the informer shows it, so a burst
// spreads. A pod that fits nowhere is tried again when nodes or pods change, and now and then.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_SCHEDULER_H_
#define BERTH_CONTROLPLANE_SCHEDULER_SCHEDULER_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"
#include "base/strings.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"
#include "controlplane/scheduler/cluster_snapshot.h"
#include "controlplane/scheduler/decide.h"

namespace berth::controlplane {

class Scheduler : public Controller {
 public:
  // `events` carries the component default-scheduler.
  Scheduler(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  using Pod = api::core::v1::Pod;
  using Node = api::core::v1::Node;

  void OnPod(const std::string& key, const PodPtr& before, const PodPtr& after);
  void OnNode(const std::string& name, const NodePtr& before, const NodePtr& after);
  void OnNamespace(const std::string& name, const api::core::v1::Namespace* after);
  // Pods that fit nowhere get another chance.
  void RetryUnschedulable();
  absl::Status Sync(const std::string& key);
  absl::Status Bind(const Pod& pod, std::string_view node);
  absl::Status Refuse(const std::string& key, const Pod& pod, const std::string& message);

  Context& context_;
  client::EventRecorder& events_;
  base::Mutex mu_;
  ClusterSnapshot cluster_ BERTH_GUARDED_BY(mu_);
  base::StringSet assumed_ BERTH_GUARDED_BY(mu_);        // uids bound, not yet shown
  base::StringSet unschedulable_ BERTH_GUARDED_BY(mu_);  // keys
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_SCHEDULER_H_
