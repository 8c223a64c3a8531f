// SPDX-License-Identifier: Apache-2.0
#include "cgroups/slice_properties.h"

#include <limits>
#include <string>

#include "base/strings.h"

namespace berth::cgroups {
namespace {

constexpr uint64_t kInfinity = std::numeric_limits<uint64_t>::max();
constexpr uint64_t kOnePercentUs = 10'000;  // of a second

uint64_t OrInfinity(int64_t limit) { return limit < 0 ? kInfinity : static_cast<uint64_t>(limit); }

uint64_t QuotaPerSecond(int64_t quota_us) {
  if (quota_us < 0) return kInfinity;
  const uint64_t exact = static_cast<uint64_t>(quota_us) * 1'000'000 / kCpuPeriodUs;
  return (exact + kOnePercentUs - 1) / kOnePercentUs * kOnePercentUs;
}

}  // namespace

UnitProperties AccountingProperties(bool v2) {
  return {{"MemoryAccounting", true},
          {"CPUAccounting", true},
          {v2 ? "IOAccounting" : "BlockIOAccounting", true},
          {"TasksAccounting", true}};
}

UnitProperties NewSliceProperties(std::string_view unit, std::string_view parent, bool v2) {
  UnitProperties properties = {{"Description", base::StrCat("Pods of this node, ", unit)},
                               {"Wants", std::vector<std::string>{std::string(parent)}},
                               // The shutdown is not to end pods before their time.
                               {"DefaultDependencies", false}};
  for (auto& property : AccountingProperties(v2)) properties.push_back(std::move(property));
  return properties;
}

UnitProperties LimitProperties(const Limits& limits, bool v2) {
  UnitProperties properties;
  if (limits.cpu_shares.has_value()) {
    properties.push_back(v2 ? UnitProperty{"CPUWeight", WeightFromShares(*limits.cpu_shares)}
                            : UnitProperty{"CPUShares", *limits.cpu_shares});
  }
  if (limits.cpu_quota_us.has_value()) {
    properties.push_back({"CPUQuotaPerSecUSec", QuotaPerSecond(*limits.cpu_quota_us)});
  }
  if (limits.memory_bytes.has_value()) {
    properties.push_back({v2 ? "MemoryMax" : "MemoryLimit", OrInfinity(*limits.memory_bytes)});
  }
  if (limits.pids.has_value()) properties.push_back({"TasksMax", OrInfinity(*limits.pids)});
  return properties;
}

}  // namespace berth::cgroups
