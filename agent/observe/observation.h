// SPDX-License-Identifier: Apache-2.0
// What the runtime says about one pod at one moment. Plain values, no CRI messages: what decides
// about pods reads these.
#ifndef BERTH_AGENT_OBSERVE_OBSERVATION_H_
#define BERTH_AGENT_OBSERVE_OBSERVATION_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace berth::agent {

enum class ContainerPhase { kCreated, kRunning, kExited, kUnknown };

struct ObservedContainer {
  std::string id;
  std::string name;
  std::string sandbox_id;
  ContainerPhase phase = ContainerPhase::kUnknown;
  std::string hash;       // of the spec that it was made from
  int restart_count = 0;  // instances of this container before it
  std::string image;      // as the user asked for it
  std::string image_id;   // digest reference
  std::string log_path;   // on the host
  absl::Time created_at;
  absl::Time started_at;
  absl::Time finished_at;
  int exit_code = 0;
  std::string reason;
  std::string message;  // the runtime's, with the termination message read from the host
};

struct ObservedSandbox {
  std::string id;
  uint32_t attempt = 0;
  bool ready = false;
  bool host_network = false;
  absl::Time created_at;
  std::vector<std::string> ips;
};

struct PodObservation {
  std::string uid;
  std::string namespace_;
  std::string name;
  std::vector<ObservedSandbox> sandboxes;     // newest first
  std::vector<ObservedContainer> containers;  // newest first
  absl::Duration grace = absl::Seconds(30);   // as the containers' annotations have it

  const ObservedSandbox* LatestSandbox() const {
    return sandboxes.empty() ? nullptr : &sandboxes.front();
  }
  // The newest instance; `skip` of them passed over.
  const ObservedContainer* Latest(std::string_view container, int skip = 0) const {
    for (const auto& c : containers) {
      if (c.name == container && skip-- == 0) return &c;
    }
    return nullptr;
  }
  // Of what was just made, or has changed: the newest one when its id is new.
  void Put(ObservedSandbox sandbox) { PutIn(sandboxes, std::move(sandbox)); }
  void Put(ObservedContainer container) { PutIn(containers, std::move(container)); }
  bool AnyRunning() const {
    for (const auto& c : containers) {
      if (c.phase == ContainerPhase::kRunning) return true;
    }
    return false;
  }

 private:
  template <class T>
  static void PutIn(std::vector<T>& all, T one) {
    for (T& known : all) {
      if (known.id != one.id) continue;
      known = std::move(one);
      return;
    }
    all.insert(all.begin(), std::move(one));
  }
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_OBSERVE_OBSERVATION_H_
