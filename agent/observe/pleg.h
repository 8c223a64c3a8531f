// SPDX-License-Identifier: Apache-2.0
// Notices what changes in the runtime and pokes the pods concerned: by the runtime's events, with a
// slow relist underneath; by a relist each second where there are no events. It only ever says
// "look again": what a pod looks like is read by its own worker, which tells what it saw or made;
// what is known that way is no change. Thread-safe.
#ifndef BERTH_AGENT_OBSERVE_PLEG_H_
#define BERTH_AGENT_OBSERVE_PLEG_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "agent/observe/read_pod.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"
#include "cri/event_stream.h"
#include "cri/runtime.h"

namespace berth::agent {

class Pleg {
 public:
  struct Hooks {
    // Something of this pod is other than its worker last told.
    std::function<void(const std::string& uid)> poke;
    // After each complete relist: what the runtime has.
    std::function<void(const std::map<std::string, RuntimePod>&)> relisted;
  };
  // `events` may be null.
  Pleg(cri::Runtime& runtime, cri::EventSource* events, base::Executor& executor,
       base::Clock& clock, Hooks hooks);
  ~Pleg();

  void Start();
  void Stop();  // no hook is called afterwards
  // What the pod's worker knows of it now.
  void Observed(const PodObservation& seen);
  // False when the runtime has nothing of this pod, and nobody but its worker would make something.
  bool MayHave(const std::string& uid) const;
  // OK while relists succeed; after three minutes without one, why not.
  absl::Status Health() const;

 private:
  void Handle(const std::string& key);
  void Relist();
  void OnEvent(const cri::Event& event);
  // Of an id that no worker has told of: a relist, unless one tells by then.
  void OnUnknown(const std::string& id);
  struct Known {
    std::string uid;
    ContainerPhase state;
  };
  std::optional<Known> Find(const std::string& id) const BERTH_REQUIRES(mu_);

  cri::Runtime& runtime_;
  cri::EventSource* const events_;
  base::Clock& clock_;
  const Hooks hooks_;
  mutable base::Mutex mu_;
  std::map<std::string, RuntimePod> last_ BERTH_GUARDED_BY(mu_);
  std::map<std::string, std::string, std::less<>> uid_of_ BERTH_GUARDED_BY(mu_);  // by id
  std::set<std::string> unknown_ BERTH_GUARDED_BY(mu_);                 // ids that events spoke of
  absl::Time unknown_at_ BERTH_GUARDED_BY(mu_) = absl::InfinitePast();  // when these are looked at
  bool listed_ BERTH_GUARDED_BY(mu_) = false;                           // a relist has succeeded
  bool eventful_ BERTH_GUARDED_BY(mu_) = false;
  absl::Time last_success_ BERTH_GUARDED_BY(mu_);
  absl::Status last_error_ BERTH_GUARDED_BY(mu_);
  base::KeyedQueue queue_;  // last: ends first, and its handlers use the rest
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_OBSERVE_PLEG_H_
