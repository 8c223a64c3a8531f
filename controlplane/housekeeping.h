// SPDX-License-Identifier: Apache-2.0
// What must not pile up: old values in the store, old events.
#ifndef BERTH_CONTROLPLANE_HOUSEKEEPING_H_
#define BERTH_CONTROLPLANE_HOUSEKEEPING_H_

#include "absl/time/time.h"
#include "controlplane/apiserver/registry.h"
#include "controlplane/store/store.h"

namespace berth::controlplane {

// Each call forgets what was overwritten before the call before it.
class Compaction {
 public:
  explicit Compaction(Store& store) : store_(store), previous_(store.revision()) {}
  void Run();

 private:
  Store& store_;
  int64_t previous_;
};

// Events go an hour after they were last written, as kube-apiserver has it. Returns how many went.
int DeleteOldEvents(Registry& registry, absl::Time now);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_HOUSEKEEPING_H_
