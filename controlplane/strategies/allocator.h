// SPDX-License-Identifier: Apache-2.0
// Numbers out of a range, each given to one owner: cluster addresses and node ports. Thread-safe.
#ifndef BERTH_CONTROLPLANE_STRATEGIES_ALLOCATOR_H_
#define BERTH_CONTROLPLANE_STRATEGIES_ALLOCATOR_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/mutex.h"

namespace berth::controlplane {

class Allocator {
 public:
  // Both ends belong to it.
  Allocator(uint32_t first, uint32_t last) : first_(first), last_(last), next_(first) {}
  bool Contains(uint32_t number) const { return number >= first_ && number <= last_; }
  // False when somebody has it.
  bool Take(uint32_t number);
  // Nothing when all are taken. Numbers are given in turn, so that one that was released rests.
  std::optional<uint32_t> TakeAny();
  void Release(uint32_t number);

 private:
  const uint32_t first_;
  const uint32_t last_;
  base::Mutex mu_;
  uint32_t next_ BERTH_GUARDED_BY(mu_);
  std::set<uint32_t> taken_ BERTH_GUARDED_BY(mu_);
};

// IPv4, as a number in host order.
std::optional<uint32_t> ParseIpv4(std::string_view text);
std::string FormatIpv4(uint32_t address);
struct Ipv4Range {
  uint32_t first = 0;  // the network's own address
  uint32_t last = 0;   // the broadcast address
};
absl::StatusOr<Ipv4Range> ParseCidr(std::string_view text);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_STRATEGIES_ALLOCATOR_H_
