// SPDX-License-Identifier: Apache-2.0
// Amounts of resources: what a pod asks for, what a node has, what is taken. Pure.
#ifndef BERTH_CONTROLPLANE_SCHEDULER_RESOURCES_H_
#define BERTH_CONTROLPLANE_SCHEDULER_RESOURCES_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// By resource name; cpu in thousandths, everything else in its unit.
class Resources {
 public:
  int64_t Get(std::string_view name) const;
  void Set(std::string_view name, int64_t amount);
  void Add(const Resources& other);
  void Subtract(const Resources& other);
  // Each amount becomes the larger of the two.
  void RaiseTo(const Resources& other);
  const std::map<std::string, int64_t, std::less<>>& amounts() const { return amounts_; }
  bool operator==(const Resources&) const = default;

 private:
  std::map<std::string, int64_t, std::less<>> amounts_;
};

enum class Missing {
  kZero,     // a container that asks for nothing counts as nothing
  kTypical,  // it counts as 100m cpu and 200 MB, so that scores see it
};

// The most that the pod needs at any time: its containers with its sidecars, or the hungriest init
// container with the sidecars started before it, plus the overhead of its runtime class. Requests
// of the pod as a whole take the place of its containers' cpu and memory.
Resources RequestsOf(const api::core::v1::Pod& pod, Missing missing);
Resources AllocatableOf(const api::core::v1::Node& node);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SCHEDULER_RESOURCES_H_
