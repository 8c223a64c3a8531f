// SPDX-License-Identifier: Apache-2.0
// One frontend as elements of the kernel's sets. Pure.
#ifndef BERTH_NETPROXY_FRONTEND_ELEMENTS_H_
#define BERTH_NETPROXY_FRONTEND_ELEMENTS_H_

#include <vector>

#include "netproxy/element.h"
#include "netproxy/frontend.h"

namespace berth::netproxy {

// The elements that no other frontend has: endpoint slot i is the i-th of the frontend's list.
std::vector<Element> OwnElements(const Frontend& frontend);
// Those that frontends share: its address, and the endpoints on this node.
std::vector<Element> SharedElements(const Frontend& frontend);

// The endpoints of `wanted` in the order of `before`, so that little changes: who stays keeps its
// slot, a newcomer takes a free one, and the last ones move into what is free below them.
std::vector<Endpoint> KeepSlots(const std::vector<Endpoint>& before, std::vector<Endpoint> wanted);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_FRONTEND_ELEMENTS_H_
