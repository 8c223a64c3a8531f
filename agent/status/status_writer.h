// SPDX-License-Identifier: Apache-2.0
// Brings pod statuses to the API: the latest of each pod, at once, again with back-off until it is
// there. The pod's last act, its deletion, comes after its last status. Thread-safe; never blocks.
#ifndef BERTH_AGENT_STATUS_STATUS_WRITER_H_
#define BERTH_AGENT_STATUS_STATUS_WRITER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "agent/status/pod_api.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"

namespace berth::api::core::v1 {
class Pod;
}

namespace berth::agent {

class KubeletMetrics;

class StatusWriter {
 public:
  // `written` hears a uid when its latest status, or its deletion, has reached the API.
  StatusWriter(PodApi& api, base::Executor& executor, base::Clock& clock,
               std::function<void(const std::string& uid)> written,
               KubeletMetrics* metrics = nullptr);
  ~StatusWriter();

  // `pod` is what the API has; its status is the base of the first patch. A status equal to the
  // last one is dropped. `running_since` is when a container began to run of which this status
  // tells first.
  void Set(const api::core::v1::Pod& pod, const api::core::v1::PodStatus& status,
           absl::Time running_since = absl::InfiniteFuture());
  // What the API has now. When somebody else wrote over a condition that was set here (the control
  // plane, while it took the node for lost), it is written again.
  void Seen(std::shared_ptr<const api::core::v1::Pod> pod);
  // The last status that was set has reached the API (or the pod is gone there).
  bool Written(std::string_view uid) const;
  // After the last status.
  void Delete(const api::core::v1::Pod& pod);
  void Forget(std::string_view uid);
  void Stop() { queue_.Stop(); }  // nothing is written afterwards

 private:
  struct Entry;
  void Handle(const std::string& uid);
  bool Overwritten(const Entry& entry) const;

  PodApi& api_;
  base::Clock& clock_;
  KubeletMetrics* const metrics_;
  const std::function<void(const std::string& uid)> written_;
  mutable base::Mutex mu_;
  std::map<std::string, std::unique_ptr<Entry>, std::less<>> entries_ BERTH_GUARDED_BY(mu_);
  base::KeyedQueue queue_;  // last: ends first, and its handlers use the rest
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_STATUS_STATUS_WRITER_H_
