// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/node_health.h"

#include <algorithm>
#include <array>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/status.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/scheduler/filters.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::NodeCondition;
using api::core::v1::Pod;
using api::core::v1::Taint;

struct OwnTaint {
  std::string_view key;
  std::string_view effect;
};
constexpr std::string_view kNotReady = "node.kubernetes.io/not-ready";
constexpr std::string_view kUnreachable = "node.kubernetes.io/unreachable";
// Every taint that follows from a node's state.
constexpr std::array<OwnTaint, 9> kOwnTaints = {{
    {kNotReady, "NoSchedule"},
    {kNotReady, "NoExecute"},
    {kUnreachable, "NoSchedule"},
    {kUnreachable, "NoExecute"},
    {"node.kubernetes.io/memory-pressure", "NoSchedule"},
    {"node.kubernetes.io/disk-pressure", "NoSchedule"},
    {"node.kubernetes.io/pid-pressure", "NoSchedule"},
    {"node.kubernetes.io/network-unavailable", "NoSchedule"},
    {"node.kubernetes.io/unschedulable", "NoSchedule"},
}};

bool Applies(const OwnTaint& taint, const Node& node) {
  const std::string_view ready = ConditionStatus(node, "Ready");
  const std::string_view key = taint.key;
  if (key == kNotReady) {
    // A node that has never reported is tainted against scheduling only.
    return ready == "False" || (ready.empty() && taint.effect == "NoSchedule");
  }
  if (key == kUnreachable) return ready == "Unknown";
  if (key.ends_with("/memory-pressure")) return ConditionStatus(node, "MemoryPressure") == "True";
  if (key.ends_with("/disk-pressure")) return ConditionStatus(node, "DiskPressure") == "True";
  if (key.ends_with("/pid-pressure")) return ConditionStatus(node, "PIDPressure") == "True";
  if (key.ends_with("/network-unavailable")) {
    return ConditionStatus(node, "NetworkUnavailable") == "True";
  }
  return node.spec().unschedulable();
}

std::optional<uint32_t> ParseIpv4(std::string_view text) {
  const auto parts = base::Split(text, '.');
  if (parts.size() != 4) return std::nullopt;
  uint32_t address = 0;
  for (const std::string_view part : parts) {
    const auto number = base::ParseInt<int>(part);
    if (!number || *number < 0 || *number > 255) return std::nullopt;
    address = (address << 8) | static_cast<uint32_t>(*number);
  }
  return address;
}

std::string Ipv4Text(uint32_t address) {
  return base::StrCat(address >> 24, ".", (address >> 16) & 255, ".", (address >> 8) & 255, ".",
                      address & 255);
}

}  // namespace

std::string_view ConditionStatus(const Node& node, std::string_view type) {
  for (const NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == type) return condition.status();
  }
  return {};
}

bool MarkUnknown(absl::Time now, Node& node) {
  bool changed = false;
  constexpr std::array<std::string_view, 4> kTypes = {"Ready", "MemoryPressure", "DiskPressure",
                                                      "PIDPressure"};
  for (const std::string_view type : kTypes) {
    auto& conditions = *node.mutable_status()->mutable_conditions();
    const auto it = std::find_if(conditions.begin(), conditions.end(),
                                 [&](const NodeCondition& c) { return c.type() == type; });
    if (it != conditions.end() && it->status() == "Unknown") continue;
    changed = true;
    const bool never = it == conditions.end();
    NodeCondition& condition = never ? *conditions.Add() : *it;
    condition.set_type(std::string(type));
    condition.set_status("Unknown");
    condition.set_reason(never ? "NodeStatusNeverUpdated" : "NodeStatusUnknown");
    condition.set_message(never ? "Kubelet never posted node status."
                                : "Kubelet stopped posting node status.");
    if (never) *condition.mutable_last_heartbeat_time() = node.metadata().creation_timestamp();
    SetTime(now, *condition.mutable_last_transition_time());
  }
  return changed;
}

bool UpdateTaints(absl::Time now, Node& node, bool evict) {
  bool changed = false;
  auto& taints = *node.mutable_spec()->mutable_taints();
  for (const OwnTaint& own : kOwnTaints) {
    const auto it = std::find_if(taints.begin(), taints.end(), [&](const Taint& taint) {
      return taint.key() == own.key && taint.effect() == own.effect;
    });
    const bool there = it != taints.end();
    const bool wanted = Applies(own, node) && (evict || own.effect != "NoExecute");
    if (there == wanted) continue;
    changed = true;
    if (there) {
      taints.erase(it);
      continue;
    }
    Taint& taint = *taints.Add();
    taint.set_key(std::string(own.key));
    taint.set_effect(std::string(own.effect));
    SetTime(now, *taint.mutable_time_added());
  }
  return changed;
}

absl::Time EvictionTime(const Pod& pod, const Node& node, absl::Time now) {
  absl::Time earliest = absl::InfiniteFuture();
  for (const Taint& taint : node.spec().taints()) {
    if (taint.effect() != "NoExecute") continue;
    // The shortest of the tolerations that fit counts; one without a limit sets none.
    bool tolerated = false;
    absl::Duration limit = absl::InfiniteDuration();
    for (const auto& toleration : pod.spec().tolerations()) {
      if (!Tolerates(toleration, taint)) continue;
      tolerated = true;
      if (!toleration.has_toleration_seconds()) continue;
      limit = std::min(limit, absl::Seconds(std::max<int64_t>(0, toleration.toleration_seconds())));
    }
    if (!tolerated) return absl::InfinitePast();
    if (limit == absl::InfiniteDuration()) continue;
    const absl::Time since = taint.has_time_added() ? ToTime(taint.time_added()) : now;
    earliest = std::min(earliest, since + limit);
  }
  return earliest;
}

absl::StatusOr<std::string> FreeSubnet(std::string_view cidr, int mask,
                                       const std::set<std::string, std::less<>>& taken) {
  const auto [address_text, bits_text] = base::SplitOnce(cidr, '/');
  const auto address = ParseIpv4(address_text);
  const auto bits = base::ParseInt<int>(bits_text.value_or(""));
  if (!address || !bits || *bits < 1 || *bits > mask || mask > 30) {
    return base::InvalidArgument("cluster CIDR ", cidr, " with node masks of ", mask, " bits");
  }
  const uint32_t first = *address & ~((uint32_t{1} << (32 - *bits)) - 1);
  const uint64_t count = uint64_t{1} << (mask - *bits);
  for (uint64_t i = 0; i < count; ++i) {
    const uint32_t subnet = first + static_cast<uint32_t>(i << (32 - mask));
    std::string text = base::StrCat(Ipv4Text(subnet), "/", mask);
    if (!taken.contains(text)) return text;
  }
  return absl::ResourceExhaustedError("the cluster CIDR has no free subnet for another node");
}

}  // namespace berth::controlplane
