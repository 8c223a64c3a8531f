// SPDX-License-Identifier: Apache-2.0
// Node selectors of node affinity: In, NotIn, Exists, DoesNotExist, Gt, Lt over a node's labels and
// its name. Pure.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_NODE_AFFINITY_H_
#define BERTH_CONTROLPLANE_SCHEDULER_NODE_AFFINITY_H_

#include "controlplane/controllers/objects_fwd.h"

namespace berth::api::core::v1 {
class NodeSelector;
class NodeSelectorTerm;
}  // namespace berth::api::core::v1

namespace berth::controlplane {

// Any term; a selector without terms matches nothing.
bool Matches(const api::core::v1::NodeSelector& selector, const api::core::v1::Node& node);
// Every requirement; a term without requirements matches nothing.
bool Matches(const api::core::v1::NodeSelectorTerm& term, const api::core::v1::Node& node);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_NODE_AFFINITY_H_
