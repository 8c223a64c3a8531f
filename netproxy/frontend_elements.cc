// SPDX-License-Identifier: Apache-2.0
#include "netproxy/frontend_elements.h"

#include <algorithm>
#include <string>
#include <utility>

#include "netproxy/classes.h"

namespace berth::netproxy {
namespace {

std::string EncodeTarget(const Endpoint& endpoint) {
  std::string out(endpoint.ip.bytes());
  out.push_back(static_cast<char>(endpoint.port >> 8));
  out.push_back(static_cast<char>(endpoint.port & 0xff));
  out.append(2, '\0');
  return out;
}

// A slot as the kernel's random number has it: host order.
std::string EncodeSlot(uint32_t slot) {
  return std::string(reinterpret_cast<const char*>(&slot), sizeof slot);
}

void AddPool(const std::string& key, const std::vector<Endpoint>& endpoints, SetKind classes,
             SetKind map, std::vector<Element>& out) {
  const uint32_t size = ClassOf(endpoints.size());
  if (size != 0) out.emplace_back(classes, size, key);
  const size_t count = std::min<size_t>(endpoints.size(), kMaxEndpoints);
  for (uint32_t slot = 0; slot < count; ++slot) {
    out.emplace_back(map, 0, key + EncodeSlot(slot), EncodeTarget(endpoints[slot]));
  }
}

}  // namespace

std::vector<Element> OwnElements(const Frontend& frontend) {
  std::vector<Element> out;
  const std::string key = frontend.key.Encode();
  AddPool(key, frontend.endpoints, SetKind::kClass, SetKind::kEndpoints, out);
  if (frontend.endpoints.empty()) {
    out.emplace_back(frontend.drop_when_empty ? SetKind::kNoLocalEndpoints : SetKind::kNoEndpoints,
                     0, key);
  } else {
    if (frontend.affinity_seconds != 0) {
      out.emplace_back(SetKind::kAffinityServices, frontend.affinity_seconds, key);
    }
    if (frontend.external) {
      out.emplace_back(frontend.local_policy ? SetKind::kExternalLocal : SetKind::kExternalCluster,
                       0, key);
    }
    if (frontend.local_policy) {
      AddPool(key, frontend.local_endpoints, SetKind::kLocalClass, SetKind::kLocalEndpoints, out);
      if (frontend.local_endpoints.empty()) out.emplace_back(SetKind::kNoLocalEndpoints, 0, key);
    }
  }
  if (frontend.restricted) {
    out.emplace_back(SetKind::kFirewall, 0, key);
    for (const IpPrefix& range : frontend.source_ranges) {
      out.emplace_back(SetKind::kFirewallSources, 0, key + std::string(range.address.bytes()),
                       range.Last().bytes());
    }
  }
  return out;
}

std::vector<Element> SharedElements(const Frontend& frontend) {
  std::vector<Element> out;
  out.emplace_back(frontend.external ? SetKind::kExternalIps : SetKind::kClusterIps, 0,
                   frontend.key.ip.bytes());
  for (const Endpoint& endpoint : frontend.endpoints) {
    if (!endpoint.local) continue;
    const std::string ip(endpoint.ip.bytes());
    out.emplace_back(SetKind::kHairpin, 0, ip + ip);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::vector<Endpoint> KeepSlots(const std::vector<Endpoint>& before, std::vector<Endpoint> wanted) {
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  if (before.empty()) return wanted;
  std::vector<bool> placed(wanted.size(), false);
  std::vector<const Endpoint*> slots(std::max(before.size(), wanted.size()), nullptr);
  for (size_t i = 0; i < before.size(); ++i) {
    const auto found = std::lower_bound(wanted.begin(), wanted.end(), before[i]);
    if (found == wanted.end() || *found != before[i]) continue;
    const auto index = static_cast<size_t>(found - wanted.begin());
    if (placed[index]) continue;
    placed[index] = true;
    slots[i] = &*found;
  }
  size_t free = 0;
  const auto next_free = [&] {
    while (slots[free] != nullptr) ++free;
    return free;
  };
  for (size_t i = 0; i < wanted.size(); ++i) {
    if (!placed[i]) slots[next_free()] = &wanted[i];
  }
  for (size_t last = slots.size(); last-- > wanted.size();) {
    if (slots[last] != nullptr) slots[next_free()] = std::exchange(slots[last], nullptr);
  }
  std::vector<Endpoint> out;
  out.reserve(wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) out.push_back(*slots[i]);
  return out;
}

}  // namespace berth::netproxy
