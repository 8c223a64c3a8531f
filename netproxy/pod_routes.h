// SPDX-License-Identifier: Apache-2.0
// Routes to the pods of other nodes through those nodes' addresses (`--pod-routes`), for nodes that
// reach each other directly and have no network plugin that does this. Only routes of our own
// protocol number are touched. They stay when the process ends.
#ifndef BERTH_NETPROXY_POD_ROUTES_H_
#define BERTH_NETPROXY_POD_ROUTES_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "client/api_client.h"
#include "client/informer.h"
#include "kernel/routes.h"

namespace berth::api::core::v1 {
class Node;
}

namespace berth::netproxy {

using NodeList = std::vector<std::shared_ptr<const api::core::v1::Node>>;

// One route per podCIDR of every other node that has an InternalIP of its family. Pure.
std::vector<kernel::Route> DesiredPodRoutes(const NodeList& nodes, std::string_view own_name);

struct RouteChange {
  std::vector<kernel::Route> set;
  std::vector<kernel::Route> remove;
};
// `present`: our routes as the kernel has them. Pure.
RouteChange DifferenceOfRoutes(const std::vector<kernel::Route>& present,
                               const std::vector<kernel::Route>& desired);

// Lists, compares, changes; goes on after a route that fails and returns the first failure.
absl::Status ApplyPodRoutes(const NodeList& nodes, std::string_view own_name);
// Removes every route of ours.
absl::Status CleanupPodRoutes();

class PodRoutes {
 public:
  // `nodes` is an informer of all nodes that the caller starts after this; it outlives this, as do
  // the executor and the clock.
  PodRoutes(client::Informer<api::core::v1::Node>& nodes, base::Executor& executor,
            base::Clock& clock, std::string own_name);
  ~PodRoutes();

 private:
  void Sync();

  // Shared with the informer's handler, which may outlive this.
  struct Shared;
  client::Informer<api::core::v1::Node>& nodes_;
  const std::string own_name_;
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<base::KeyedQueue> queue_;
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_POD_ROUTES_H_
