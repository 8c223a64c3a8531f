// SPDX-License-Identifier: Apache-2.0
// Keeps one pod of each DaemonSet on every node that fits, and replaces them when the template
// changes.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_CONTROLLER_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_CONTROLLER_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/daemon_set_plan.h"
#include "controlplane/controllers/expectations.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

class DaemonSetController : public Controller {
 public:
  DaemonSetController(Context& context, client::EventRecorder& events);
  void Begin() override;

 private:
  using DaemonSet = api::apps::v1::DaemonSet;
  using Node = api::core::v1::Node;
  using Pod = api::core::v1::Pod;

  void OnNode(const Node* before, const Node* after);
  void OnPod(const Pod* before, const Pod* after);
  absl::Status Sync(const std::string& key);
  absl::Status Manage(const std::string& key, const DaemonSetInput& input);
  absl::Status Carry(const std::string& key, const DaemonSetInput& input,
                     const DaemonSetPlan& plan);
  absl::Status CreatePods(const DaemonSetInput& input, const std::vector<std::string>& nodes);
  absl::Status DeletePods(const DaemonSet& set, const std::vector<PodPtr>& pods);
  // Those whose time has come: a pod that keeps failing is replaced more and more slowly.
  std::vector<PodPtr> DueEnded(const std::string& key, const DaemonSet& set,
                               const std::vector<PodPtr>& ended);
  absl::Status WriteStatus(const DaemonSetInput& input);

  struct Failures {
    absl::Duration wait;
    absl::Time last;
  };

  Context& context_;
  client::EventRecorder& events_;
  Expectations expectations_;
  base::Mutex mu_;
  std::map<std::string, Failures> failures_ BERTH_GUARDED_BY(mu_);  // by set's uid and node
  SyncQueue queue_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_CONTROLLER_H_
