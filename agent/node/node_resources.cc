// SPDX-License-Identifier: Apache-2.0
#include "agent/node/node_resources.h"

#include <algorithm>

#include "agent/env/amount.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::StrCat;

int64_t MaxPods(const SystemFacts& facts, const KubeletConfig& config) {
  if (config.pods_per_core <= 0) return config.max_pods;
  return std::min<int64_t>(config.max_pods, int64_t{config.pods_per_core} * facts.cpus);
}

// The sum of both reservations of a resource.
int64_t Reserved(const KubeletConfig& config, const std::string& resource,
                 std::optional<int64_t> (*parse)(std::string_view)) {
  int64_t sum = 0;
  for (const TextMap* map : {&config.kube_reserved, &config.system_reserved}) {
    if (const auto at = map->find(resource); at != map->end()) sum += parse(at->second).value_or(0);
  }
  return sum;
}

int64_t HardThreshold(const KubeletConfig& config, const std::string& signal, int64_t capacity) {
  const auto at = config.eviction_hard.find(signal);
  if (at == config.eviction_hard.end()) return 0;
  return ThresholdOf(at->second, capacity).value_or(0);
}

int64_t HugePageBytes(const SystemFacts& facts) {
  int64_t sum = 0;
  for (const auto& [size, count] : facts.huge_pages) sum += size * count;
  return sum;
}

void AddHugePages(const SystemFacts& facts, ResourceTexts& out) {
  for (const auto& [size, count] : facts.huge_pages) {
    out[StrCat("hugepages-", BinaryText(size))] = BinaryText(size * count);
  }
}

}  // namespace

std::optional<int64_t> ThresholdOf(std::string_view text, int64_t capacity) {
  if (!text.ends_with('%')) return UnitsOf(text);
  text.remove_suffix(1);
  const auto thousandths = MilliOf(text);  // "12.5%"
  if (!thousandths) return std::nullopt;
  return static_cast<int64_t>(static_cast<double>(capacity) * static_cast<double>(*thousandths) /
                              100'000);
}

ResourceTexts NodeCapacity(const SystemFacts& facts, const FilesystemSize& node_filesystem,
                           const KubeletConfig& config) {
  ResourceTexts out;
  out["cpu"] = StrCat(facts.cpus);
  out["memory"] = BinaryText(facts.memory_bytes);
  out["ephemeral-storage"] = BinaryText(node_filesystem.capacity_bytes);
  out["pods"] = StrCat(MaxPods(facts, config));
  AddHugePages(facts, out);
  return out;
}

ResourceTexts NodeAllocatable(const SystemFacts& facts, const FilesystemSize& node_filesystem,
                              const KubeletConfig& config) {
  ResourceTexts out = NodeCapacity(facts, node_filesystem, config);
  const int64_t milli_cpu = int64_t{facts.cpus} * 1000 - Reserved(config, "cpu", MilliOf);
  out["cpu"] = MilliText(std::max<int64_t>(milli_cpu, 0));
  const int64_t memory = facts.memory_bytes - Reserved(config, "memory", UnitsOf) -
                         HardThreshold(config, "memory.available", facts.memory_bytes) -
                         HugePageBytes(facts);
  out["memory"] = BinaryText(std::max<int64_t>(memory, 0));
  const int64_t disk = node_filesystem.capacity_bytes;
  const int64_t storage = disk - Reserved(config, "ephemeral-storage", UnitsOf) -
                          HardThreshold(config, "nodefs.available", disk);
  out["ephemeral-storage"] = BinaryText(std::max<int64_t>(storage, 0));
  return out;
}

}  // namespace berth::agent
