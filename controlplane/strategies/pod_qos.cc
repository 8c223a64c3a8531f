// SPDX-License-Identifier: Apache-2.0
#include "controlplane/strategies/pod_qos.h"

#include <map>
#include <string>

#include "api/proto/core/v1/pod_spec.pb.h"
#include "api/quantity.h"

namespace berth::controlplane {
namespace {

using api::core::v1::ResourceRequirements;

struct Sums {
  std::map<std::string, api::Amount> requests;
  std::map<std::string, api::Amount> limits;
  bool guaranteed = true;
};

void Add(const ResourceRequirements& resources, Sums& sums) {
  for (const char* name : {"cpu", "memory"}) {
    const auto request = resources.requests().find(name);
    if (request != resources.requests().end()) {
      const api::Amount amount = api::AmountOf(request->second);
      if (!amount.IsZero()) sums.requests[name] += amount;
    }
    const auto limit = resources.limits().find(name);
    const bool limited =
        limit != resources.limits().end() && !api::AmountOf(limit->second).IsZero();
    if (limited) sums.limits[name] += api::AmountOf(limit->second);
    sums.guaranteed = sums.guaranteed && limited;
  }
}

}  // namespace

std::string_view QosClassOf(const api::core::v1::PodSpec& spec) {
  Sums sums;
  if (spec.has_resources() &&
      (!spec.resources().requests().empty() || !spec.resources().limits().empty())) {
    Add(spec.resources(), sums);
  } else {
    for (const auto& container : spec.containers()) Add(container.resources(), sums);
    for (const auto& container : spec.init_containers()) Add(container.resources(), sums);
  }
  if (sums.requests.empty() && sums.limits.empty()) return "BestEffort";
  if (!sums.guaranteed) return "Burstable";
  for (const auto& [name, request] : sums.requests) {
    if (sums.limits[name] != request) return "Burstable";
  }
  return sums.requests.size() == sums.limits.size() ? "Guaranteed" : "Burstable";
}

}  // namespace berth::controlplane
