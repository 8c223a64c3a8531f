// SPDX-License-Identifier: Apache-2.0
#include "cri/paced_runtime.h"

#include <string_view>

#include "absl/time/clock.h"

namespace berth::cri {
namespace {

constexpr int kAtOnce = -1;

// Lower goes first.
constexpr int RankOf(std::string_view method) {
  if (method == "StartContainer") return 0;
  if (method == "CreateContainer") return 1;
  if (method == "RunPodSandbox") return 2;
  return kAtOnce;
}

}  // namespace

void PacedRuntime::Stop() {
  base::MutexLock l(mu_);
  stopped_ = true;
  for (const auto& [place, waiter] : waiting_) waiter->turn.NotifyOne();
}

int PacedRuntime::waiting() const {
  base::MutexLock l(mu_);
  return static_cast<int>(waiting_.size());
}

absl::Status PacedRuntime::Enter(int rank) {
  const absl::Time arrived = absl::Now();
  absl::Status status;
  {
    base::MutexLock l(mu_);
    if (running_ == 0) last_end_ = arrived;
    if (stopped_) return absl::CancelledError("the node daemon ends");
    if (waiting_.empty() && running_ < options_.at_once) {
      ++running_;
    } else {
      status = WaitForTurn(rank);
    }
  }
  options_.waited(absl::Now() - arrived);
  return status;
}

absl::Status PacedRuntime::WaitForTurn(int rank) {
  Waiter me;
  const Place place{rank, arrivals_++};
  waiting_[place] = &me;
  while (!me.goes) {
    if (stopped_) {
      waiting_.erase(place);
      return absl::CancelledError("the node daemon ends");
    }
    // The first in line looks from time to time; the others are told.
    if (waiting_.begin()->second != &me) {
      me.turn.Wait(mu_);
      continue;
    }
    if (me.turn.WaitFor(mu_, options_.look) || me.goes) continue;
    mu_.Unlock();
    const bool idle = options_.idle();
    mu_.Lock();
    const bool stuck = absl::Now() - last_end_ > options_.patience;
    if ((idle || stuck) && waiting_.begin()->second == &me) LetFirstGo();
  }
  return absl::OkStatus();
}

void PacedRuntime::LetFirstGo() {
  Waiter& first = *waiting_.begin()->second;
  first.goes = true;
  waiting_.erase(waiting_.begin());
  ++running_;
  first.turn.NotifyOne();
  if (!waiting_.empty()) waiting_.begin()->second->turn.NotifyOne();  // is the first now
}

void PacedRuntime::Leave() {
  base::MutexLock l(mu_);
  --running_;
  last_end_ = absl::Now();
  while (running_ < options_.at_once && !waiting_.empty()) LetFirstGo();
}

#define BERTH_CRI_METHOD(service, method)                                                          \
  absl::Status PacedRuntime::method(const v1::method##Request& request, v1::method##Response& out, \
                                    absl::Duration timeout) {                                      \
    constexpr int rank = RankOf(#method);                                                          \
    if constexpr (rank == kAtOnce) return inner_.method(request, out, timeout);                    \
    if (absl::Status status = Enter(rank); !status.ok()) return status;                            \
    absl::Status status = inner_.method(request, out, timeout);                                    \
    Leave();                                                                                       \
    return status;                                                                                 \
  }
BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD

}  // namespace berth::cri
