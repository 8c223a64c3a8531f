// SPDX-License-Identifier: Apache-2.0
// Removes pods that nobody will ever finish removing: those of nodes that are gone, those that are
// being deleted and never had a node, and the oldest finished ones when too many are kept.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_POD_COLLECTOR_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_POD_COLLECTOR_H_

#include <set>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

class PodCollector : public Controller {
 public:
  explicit PodCollector(Context& context);
  void Begin() override;

 private:
  void OnPod(const std::string& key, const api::core::v1::Pod* before,
             const api::core::v1::Pod* after);
  absl::Status SyncNode(const std::string& name);
  absl::Status SyncPod(const std::string& key);
  absl::Status Trim();
  absl::Status ForceDelete(const api::core::v1::Pod& pod);

  Context& context_;
  base::Mutex mu_;
  std::set<std::pair<int64_t, std::string>> finished_ BERTH_GUARDED_BY(mu_);  // by creation
  SyncQueue nodes_;  // names that pods mention
  SyncQueue pods_;   // keys; "" trims
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_POD_COLLECTOR_H_
