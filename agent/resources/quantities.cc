// SPDX-License-Identifier: Apache-2.0
#include "agent/resources/quantities.h"

#include <algorithm>
#include <limits>

#include "api/proto/core/v1/pod.pb.h"
#include "api/quantity.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Container;
using api::core::v1::PodSpec;

constexpr int64_t kCriticalPriority = 2'000'000'000;

void Add(Amounts& to, const Amounts& more) {
  for (const auto& [name, amount] : more) to[name] += amount;
}

void Raise(Amounts& to, const Amounts& other) {
  for (const auto& [name, amount] : other) to[name] = std::max(to[name], amount);
}

bool IsSidecar(const Container& container) { return container.restart_policy() == "Always"; }

Amounts Total(const PodSpec& spec, Amounts (*of)(const Container&)) {
  Amounts total;
  for (const auto& container : spec.containers()) Add(total, of(container));
  Amounts sidecars;
  Amounts init_peak;
  for (const auto& container : spec.init_containers()) {
    Amounts now = sidecars;
    Add(now, of(container));
    if (IsSidecar(container)) sidecars = now;
    Raise(init_peak, now);
  }
  Add(total, sidecars);
  Raise(total, init_peak);
  return total;
}

bool AllLimit(const PodSpec& spec, const std::string& resource) {
  const auto has = [&](const Container& container) {
    const auto& limits = container.resources().limits();
    const auto it = limits.find(resource);
    return it != limits.end() && api::AmountOf(it->second).Sign() > 0;
  };
  return std::all_of(spec.containers().begin(), spec.containers().end(), has) &&
         std::all_of(spec.init_containers().begin(), spec.init_containers().end(), has);
}

}  // namespace

Amounts ToAmounts(const api::QuantityMap& quantities) {
  Amounts out;
  for (const auto& [name, quantity] : quantities) {
    const api::Amount amount = api::AmountOf(quantity);
    out[name] = name == "cpu" ? amount.MilliValue() : amount.Value();
  }
  return out;
}

Amounts LimitsOf(const Container& container) { return ToAmounts(container.resources().limits()); }

Amounts RequestsOf(const Container& container) {
  Amounts out = LimitsOf(container);
  for (const auto& [name, amount] : ToAmounts(container.resources().requests())) {
    out[name] = amount;
  }
  return out;
}

PodAmounts AmountsOf(const PodSpec& spec) {
  PodAmounts out;
  out.requests = Total(spec, &RequestsOf);
  out.limits = Total(spec, &LimitsOf);
  const Amounts overhead = ToAmounts(spec.overhead());
  Add(out.requests, overhead);
  for (const auto& [name, amount] : overhead) {
    if (out.limits.contains(name)) out.limits[name] += amount;
  }
  out.all_limit_cpu = AllLimit(spec, "cpu");
  out.all_limit_memory = AllLimit(spec, "memory");
  return out;
}

QosClass QosOf(const PodSpec& spec) {
  bool any = false;
  bool guaranteed = true;
  const auto look = [&](const Container& container) {
    const Amounts limits = LimitsOf(container);
    const Amounts requests = RequestsOf(container);
    for (const char* name : {"cpu", "memory"}) {
      const auto limit = limits.find(name);
      const auto request = requests.find(name);
      const bool limited = limit != limits.end() && limit->second > 0;
      const bool requested = request != requests.end() && request->second > 0;
      any = any || limited || requested;
      guaranteed = guaranteed && limited && requested && limit->second == request->second;
    }
  };
  for (const auto& container : spec.containers()) look(container);
  for (const auto& container : spec.init_containers()) look(container);
  if (!any) return QosClass::kBestEffort;
  return guaranteed ? QosClass::kGuaranteed : QosClass::kBurstable;
}

std::string_view NameOf(QosClass qos) {
  switch (qos) {
    case QosClass::kGuaranteed:
      return "Guaranteed";
    case QosClass::kBurstable:
      return "Burstable";
    case QosClass::kBestEffort:
      break;
  }
  return "BestEffort";
}

int64_t OomScoreAdj(const api::core::v1::Pod& pod, const Container& container,
                    int64_t node_memory_bytes) {
  if (pod.spec().priority() >= kCriticalPriority) return -997;
  const QosClass qos = QosOf(pod.spec());
  if (qos == QosClass::kGuaranteed) return -997;
  if (qos == QosClass::kBestEffort) return 1000;
  const Amounts requests = RequestsOf(container);
  const auto memory = requests.find("memory");
  const int64_t request = memory == requests.end() ? 0 : memory->second;
  if (node_memory_bytes <= 0) return 999;
  const auto score_of = [&](int64_t bytes) {
    return 1000 - static_cast<int64_t>(1000.0L * bytes / node_memory_bytes);
  };
  int64_t score = score_of(request);
  if (IsSidecar(container)) {
    // It does not die before the containers that it is there for.
    int64_t least = std::numeric_limits<int64_t>::max();
    for (const Container& app : pod.spec().containers()) {
      least = std::min(least, RequestsOf(app)["memory"]);
    }
    if (pod.spec().containers_size() > 0) score = std::min(score, score_of(least));
  }
  return std::clamp<int64_t>(score, 3, 999);
}

}  // namespace berth::agent
