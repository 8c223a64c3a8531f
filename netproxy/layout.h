// SPDX-License-Identifier: Apache-2.0
// The fixed part of a table: its sets, chains and rules. None of it depends on how many services
// there are: a change of a service is a change of elements only, whose cost in the kernel does not
// grow with the table. There are no anonymous sets and no verdict maps, which would make it grow.
#ifndef BERTH_NETPROXY_LAYOUT_H_
#define BERTH_NETPROXY_LAYOUT_H_

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernel/ip_address.h"
#include "kernel/nft_batch.h"
#include "kernel/nft_rule.h"
#include "netproxy/element.h"

namespace berth::netproxy {

inline constexpr char kTableName[] = "netproxy";

struct LayoutOptions {
  kernel::NftFamily family = kernel::NftFamily::kIp4;
  std::vector<kernel::IpPrefix>
      cluster_cidrs;  // of this family; what is not from here is masqueraded
  std::vector<kernel::IpPrefix> service_cidrs;  // unused addresses in it are dropped
  std::vector<kernel::IpPrefix> pod_cidrs;  // of this node; masqueraded when leaving the cluster
  bool masquerade_all = false;
  int masquerade_bit = 14;
  std::set<uint32_t> affinity_seconds;  // the timeouts in use

  // Everything but the affinity timeouts in a short word; equal words, equal rules.
  std::string Fingerprint() const;
  bool operator==(const LayoutOptions&) const = default;
};

struct Layout {
  std::vector<kernel::NftSet> sets;
  std::vector<kernel::NftChain> chains;
  std::vector<std::pair<std::string, kernel::NftRule>> rules;  // in order
};

Layout BuildLayout(const LayoutOptions& options);

std::string SetName(SetKind kind, uint32_t param);
// The map that remembers clients, with entries made by the rules.
std::string AffinityMapName(uint32_t seconds);
// The chain that exists to carry the fingerprint.
std::string FingerprintChain(const LayoutOptions& options);

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_LAYOUT_H_
