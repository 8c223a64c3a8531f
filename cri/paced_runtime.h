// SPDX-License-Identifier: Apache-2.0
// A runtime that makes only a few sandboxes and containers at a time through another. Many at once
// take as long in all, but then none is done before nearly all are, and whatever is asked in
// between waits for a busy runtime. What is further along has its turn first: starting a container,
// then making one, then sandboxes. All other calls pass at once.
//
// The bound holds while the processors are busy. When they have time to spare, because the calls
// wait for a network or a disk, or when no call comes back, one more is let through every few
// milliseconds, so a call that hangs holds up no other. Waiting does not count against a call's
// timeout. Thread-safe.
#ifndef BERTH_CRI_PACED_RUNTIME_H_
#define BERTH_CRI_PACED_RUNTIME_H_

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "base/mutex.h"
#include "cri/runtime.h"

namespace berth::cri {

class PacedRuntime : public Runtime {
 public:
  struct Options {
    int at_once = 4;
    absl::Duration look = absl::Milliseconds(50);       // how often one more may be let through
    absl::Duration patience = absl::Seconds(2);         // with calls none of which comes back
    std::function<bool()> idle = [] { return false; };  // processors have time to spare
    std::function<void(absl::Duration)> waited = [](absl::Duration) {};  // of each paced call
  };

  // `inner` outlives this.
  PacedRuntime(Runtime& inner, Options options) : inner_(inner), options_(std::move(options)) {}

  // Calls that wait for their turn fail with Cancelled, now and from now on.
  void Stop();
  int waiting() const;  // calls in line now

#define BERTH_CRI_METHOD(service, method)                                            \
  absl::Status method(const v1::method##Request& request, v1::method##Response& out, \
                      absl::Duration timeout) override;
  BERTH_CRI_CALLS(BERTH_CRI_METHOD)
#undef BERTH_CRI_METHOD

 private:
  struct Waiter {
    base::CondVar turn;
    bool goes = false;
  };
  using Place = std::pair<int, uint64_t>;  // rank, then order of arrival

  absl::Status Enter(int rank);
  absl::Status WaitForTurn(int rank) BERTH_REQUIRES(mu_);
  void Leave();
  void LetFirstGo() BERTH_REQUIRES(mu_);

  Runtime& inner_;
  const Options options_;
  mutable base::Mutex mu_;
  std::map<Place, Waiter*> waiting_ BERTH_GUARDED_BY(mu_);
  uint64_t arrivals_ BERTH_GUARDED_BY(mu_) = 0;
  int running_ BERTH_GUARDED_BY(mu_) = 0;
  absl::Time last_end_ BERTH_GUARDED_BY(mu_) = absl::InfinitePast();
  bool stopped_ BERTH_GUARDED_BY(mu_) = false;
};

}  // namespace berth::cri

#endif  // BERTH_CRI_PACED_RUNTIME_H_
