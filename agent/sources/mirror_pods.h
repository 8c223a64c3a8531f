// SPDX-License-Identifier: Apache-2.0
// Keeps one mirror pod in the API for each static pod, so that it can be seen there: made once the
// Node is known, made again when somebody deletes it or its manifest changes, removed with the
// static pod, and with its status. What is done to a mirror never reaches the static pod.
// Level-triggered by the pods' names. Thread-safe, never blocks.
#ifndef BERTH_AGENT_SOURCES_MIRROR_PODS_H_
#define BERTH_AGENT_SOURCES_MIRROR_PODS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "agent/status/pod_api.h"
#include "agent/status/status_writer.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "base/mutex.h"

namespace berth::agent {

class MirrorPods {
 public:
  using PodPtr = std::shared_ptr<const api::core::v1::Pod>;
  struct Hooks {
    // The uid of the own Node in the API; "" until it is known.
    std::function<std::string()> node_uid;
    // A pod of this name is on its way out: its mirror stays until it is gone.
    std::function<bool(std::string_view namespace_, std::string_view name)> ending;
  };
  MirrorPods(PodApi& api, StatusWriter& statuses, base::Executor& executor, base::Clock& clock,
             Hooks hooks);
  ~MirrorPods();
  void Stop() { queue_.Stop(); }

  // Static pods come and go.
  void Want(PodPtr pod);
  void Unwant(const api::core::v1::Pod& pod);
  // The latest status of a static pod.
  void SetStatus(const api::core::v1::Pod& pod, const api::core::v1::PodStatus& status);
  // Mirrors in the API, as the watch tells of them.
  void Seen(PodPtr mirror);
  void Lost(const api::core::v1::Pod& mirror);
  // All static pods are known: mirrors of others go.
  void Ready();

 private:
  struct Entry;
  void Handle(const std::string& key);
  void Remove(const std::string& key, const api::core::v1::Pod& mirror);
  void Make(const std::string& key, const api::core::v1::Pod& pod);

  PodApi& api_;
  StatusWriter& statuses_;
  const Hooks hooks_;
  base::Mutex mu_;
  std::map<std::string, Entry> entries_ BERTH_GUARDED_BY(mu_);  // by namespace/name
  bool ready_ BERTH_GUARDED_BY(mu_) = false;
  base::KeyedQueue queue_;  // last: ends first
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SOURCES_MIRROR_PODS_H_
