// SPDX-License-Identifier: Apache-2.0
// Lets the store forget history: what was overwritten more than five minutes ago goes.
#ifndef BERTH_CONTROLPLANE_STORE_COMPACTOR_H_
#define BERTH_CONTROLPLANE_STORE_COMPACTOR_H_

#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "controlplane/store/store.h"

namespace berth::controlplane {

class Compactor {
 public:
  // All outlive it.
  Compactor(Store& store, base::Clock& clock, base::Executor& executor);
  ~Compactor();  // waits for a compaction that runs

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STORE_COMPACTOR_H_
