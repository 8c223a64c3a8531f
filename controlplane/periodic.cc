// SPDX-License-Identifier: Apache-2.0
#include "controlplane/periodic.h"

#include <utility>

#include "base/mutex.h"

namespace berth::controlplane {

struct Periodic::State : std::enable_shared_from_this<Periodic::State> {
  State(base::Clock& clock, base::Executor& executor, absl::Duration period,
        std::function<void()> task)
      : clock(clock), executor(executor), period(period), task(std::move(task)) {}

  void Arm() {
    auto self = shared_from_this();
    const auto id = clock.After(period, [self] { self->executor.Post([self] { self->Run(); }); });
    base::MutexLock lock(mu);
    timer = id;
  }

  void Run() {
    {
      base::MutexLock lock(mu);
      if (stopping) return;
      running = true;
    }
    task();
    bool again = false;
    {
      base::MutexLock lock(mu);
      running = false;
      again = !stopping;
      ended.NotifyAll();
    }
    if (again) Arm();
  }

  base::Clock& clock;
  base::Executor& executor;
  const absl::Duration period;
  const std::function<void()> task;
  base::Mutex mu;
  base::CondVar ended;
  bool running BERTH_GUARDED_BY(mu) = false;
  bool stopping BERTH_GUARDED_BY(mu) = false;
  base::Clock::TimerId timer BERTH_GUARDED_BY(mu) = 0;
};

Periodic::Periodic(base::Clock& clock, base::Executor& executor, absl::Duration period,
                   std::function<void()> task)
    : state_(std::make_shared<State>(clock, executor, period, std::move(task))) {
  state_->Arm();
}

Periodic::~Periodic() {
  base::MutexLock lock(state_->mu);
  state_->stopping = true;
  if (state_->timer != 0) state_->clock.Cancel(state_->timer);
  while (state_->running) state_->ended.Wait(state_->mu);
}

}  // namespace berth::controlplane
