// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/resources.h"

#include <algorithm>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/quantity.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Container;
using api::core::v1::Node;
using api::core::v1::Pod;

constexpr int64_t kTypicalMilliCpu = 100;
constexpr int64_t kTypicalMemory = 200 * 1024 * 1024;

template <class Map>
Resources FromMap(const Map& quantities) {
  Resources out;
  for (const auto& [name, quantity] : quantities) {
    const api::Amount amount = api::AmountOf(quantity);
    out.Set(name, name == "cpu" ? amount.MilliValue() : amount.Value());
  }
  return out;
}

Resources OfContainer(const Container& container, Missing missing) {
  Resources out = FromMap(container.resources().requests());
  if (missing == Missing::kTypical) {
    const auto& requests = container.resources().requests();
    if (!requests.contains("cpu")) out.Set("cpu", kTypicalMilliCpu);
    if (!requests.contains("memory")) out.Set("memory", kTypicalMemory);
  }
  return out;
}

}  // namespace

int64_t Resources::Get(std::string_view name) const {
  const auto it = amounts_.find(name);
  return it == amounts_.end() ? 0 : it->second;
}

void Resources::Set(std::string_view name, int64_t amount) {
  amounts_.insert_or_assign(std::string(name), amount);
}

void Resources::Add(const Resources& other) {
  for (const auto& [name, amount] : other.amounts_) amounts_[name] += amount;
}

void Resources::Subtract(const Resources& other) {
  for (const auto& [name, amount] : other.amounts_) amounts_[name] -= amount;
}

void Resources::RaiseTo(const Resources& other) {
  for (const auto& [name, amount] : other.amounts_) {
    int64_t& mine = amounts_[name];
    mine = std::max(mine, amount);
  }
}

Resources RequestsOf(const Pod& pod, Missing missing) {
  Resources total, sidecars, init_peak;
  for (const Container& container : pod.spec().init_containers()) {
    Resources now = OfContainer(container, missing);
    if (container.restart_policy() == "Always") {
      sidecars.Add(now);
      now = sidecars;
    } else {
      now.Add(sidecars);
    }
    init_peak.RaiseTo(now);
  }
  for (const Container& container : pod.spec().containers()) {
    total.Add(OfContainer(container, missing));
  }
  total.Add(sidecars);
  total.RaiseTo(init_peak);
  const Resources whole = FromMap(pod.spec().resources().requests());
  for (const auto& [name, amount] : whole.amounts()) {
    if (name == "cpu" || name == "memory") total.Set(name, amount);
  }
  total.Add(FromMap(pod.spec().overhead()));
  return total;
}

Resources AllocatableOf(const Node& node) { return FromMap(node.status().allocatable()); }

}  // namespace berth::controlplane
