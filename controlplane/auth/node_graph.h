// SPDX-License-Identifier: Apache-2.0
// What the pods of a node lead to: the objects that its kubelet needs to run them, and so may read.
// Mirror pods lead nowhere, as their node made them itself.
#ifndef BERTH_CONTROLPLANE_AUTH_NODE_GRAPH_H_
#define BERTH_CONTROLPLANE_AUTH_NODE_GRAPH_H_

#include <string_view>

#include "controlplane/apiserver/object_cache.h"

namespace berth::controlplane {

// `resource` is secrets, configmaps, persistentvolumeclaims, serviceaccounts, persistentvolumes or
// volumeattachments; false for others.
bool NodeLeadsTo(const ObjectCache& cache, std::string_view node, std::string_view resource,
                 std::string_view namespace_, std::string_view name);

// The pod is there and bound to this node.
bool IsPodOfNode(const ObjectCache& cache, std::string_view node, std::string_view namespace_,
                 std::string_view name);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_AUTH_NODE_GRAPH_H_
