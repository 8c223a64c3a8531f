// SPDX-License-Identifier: Apache-2.0
// What a DaemonSet needs: on which nodes a pod is missing, which pods go, the next step of an
// update, and the status to report. Pure.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_PLAN_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_PLAN_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// The label by which a pod tells the revision of its template.
inline constexpr std::string_view kRevisionHash = "controller-revision-hash";
// At most this many pods are created or deleted in one pass.
inline constexpr int kDaemonBurst = 250;

struct DaemonSetInput {
  const api::apps::v1::DaemonSet& set;
  std::string hash;  // of the current template
  std::vector<NodePtr> nodes;
  std::vector<PodPtr> pods;  // those that the set controls
  absl::Time now;
};

struct DaemonSetPlan {
  std::vector<std::string> create;  // names of nodes
  std::vector<PodPtr> remove;
  std::vector<PodPtr> ended;  // failed or succeeded: to remove, but not at any speed
};

// A pod is to start on the node, or may at least stay there: it goes when the node does not fit any
// more or has a NoExecute taint that it does not tolerate.
struct NodeFit {
  bool run = false;
  bool stay = false;
};
NodeFit FitOf(const api::apps::v1::DaemonSet& set, const api::core::v1::Node& node);

// The node that a pod was made for, whether it is bound yet or not.
std::string TargetNode(const api::core::v1::Pod& pod);
// Pinned to `node` by affinity, so that the scheduler still has its say.
api::core::v1::Pod MakeDaemonPod(const api::apps::v1::DaemonSet& set, std::string_view hash,
                                 std::string_view node);

// One living pod on each node that wants one.
DaemonSetPlan PlanDaemonSet(const DaemonSetInput& input);
// The next step of a rolling update, for when the above has nothing to do.
DaemonSetPlan PlanDaemonUpdate(const DaemonSetInput& input);

api::apps::v1::DaemonSetStatus DaemonSetStatusOf(const DaemonSetInput& input);
// When the next ready pod becomes available; InfiniteFuture when none is waiting.
absl::Time NextDaemonAvailability(const DaemonSetInput& input);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_PLAN_H_
