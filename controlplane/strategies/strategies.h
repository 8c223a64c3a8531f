// SPDX-License-Identifier: Apache-2.0
// The resources that need more than the generic registry does.
#ifndef BERTH_CONTROLPLANE_STRATEGIES_STRATEGIES_H_
#define BERTH_CONTROLPLANE_STRATEGIES_STRATEGIES_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/strategy.h"

namespace berth::controlplane {

struct ServiceRange {
  std::string cidr = "10.96.0.0/16";
  std::pair<int, int> node_ports = {30000, 32767};
};

std::unique_ptr<Strategy> MakePodStrategy(const ObjectCache& cache);
std::unique_ptr<Strategy> MakeNamespaceStrategy();
std::unique_ptr<Strategy> MakeSecretStrategy();
std::unique_ptr<Strategy> MakeNodeStrategy();
std::unique_ptr<Strategy> MakeJobStrategy();
enum class NodeNamed { kLease, kCsiNode };
std::unique_ptr<Strategy> MakeNodeNamedStrategy(NodeNamed kind);
std::unique_ptr<Strategy> MakeSigningRequestStrategy();
// What stored services have is taken from the start. InvalidArgument for a bad range.
absl::StatusOr<std::unique_ptr<Strategy>> MakeServiceStrategy(const ObjectCache& cache,
                                                              const ServiceRange& range);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STRATEGIES_STRATEGIES_H_
