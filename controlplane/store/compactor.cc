// SPDX-License-Identifier: Apache-2.0
#include "controlplane/store/compactor.h"

#include "base/log.h"
#include "base/mutex.h"

namespace berth::controlplane {
namespace {

constexpr absl::Duration kPeriod = absl::Minutes(5);

}  // namespace

struct Compactor::State : std::enable_shared_from_this<Compactor::State> {
  State(Store& store, base::Clock& clock, base::Executor& executor)
      : store(store), clock(clock), executor(executor) {}

  void Arm() {
    auto self = shared_from_this();
    const auto id = clock.After(kPeriod, [self] { self->executor.Post([self] { self->Run(); }); });
    base::MutexLock lock(mu);
    timer = id;
  }

  void Run() {
    int64_t target = 0;
    {
      base::MutexLock lock(mu);
      if (stopping) return;
      running = true;
      target = previous;
    }
    const int64_t now = store.revision();
    if (target > 0) {
      if (const absl::Status status = store.Compact(target); !status.ok()) {
        BERTH_WARNING("compaction failed", {"revision", target}, {"error", status});
      }
    }
    bool again = false;
    {
      base::MutexLock lock(mu);
      previous = now;
      running = false;
      again = !stopping;
      ended.NotifyAll();
    }
    if (again) Arm();
  }

  Store& store;
  base::Clock& clock;
  base::Executor& executor;
  base::Mutex mu;
  base::CondVar ended;
  int64_t previous BERTH_GUARDED_BY(mu) = 0;  // the latest revision one period ago
  bool running BERTH_GUARDED_BY(mu) = false;
  bool stopping BERTH_GUARDED_BY(mu) = false;
  base::Clock::TimerId timer BERTH_GUARDED_BY(mu) = 0;
};

Compactor::Compactor(Store& store, base::Clock& clock, base::Executor& executor)
    : state_(std::make_shared<State>(store, clock, executor)) {
  {
    base::MutexLock lock(state_->mu);
    state_->previous = store.revision();
  }
  state_->Arm();
}

Compactor::~Compactor() {
  base::MutexLock lock(state_->mu);
  state_->stopping = true;
  if (state_->timer != 0) state_->clock.Cancel(state_->timer);
  while (state_->running) state_->ended.Wait(state_->mu);
}

}  // namespace berth::controlplane
