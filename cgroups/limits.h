// SPDX-License-Identifier: Apache-2.0
// Limits of a group and the arithmetic that Kubernetes does for them.
#ifndef BERTH_CGROUPS_LIMITS_H_
#define BERTH_CGROUPS_LIMITS_H_

#include <cstdint>
#include <optional>

namespace berth::cgroups {

inline constexpr int64_t kUnlimited = -1;
inline constexpr int64_t kCpuPeriodUs = 100'000;

// What is not set stays as it is.
struct Limits {
  std::optional<uint64_t> cpu_shares;   // v2: written as cpu.weight
  std::optional<int64_t> cpu_quota_us;  // of each kCpuPeriodUs
  std::optional<int64_t> memory_bytes;
  std::optional<int64_t> pids;

  bool operator==(const Limits&) const = default;
};

// milli * 1024 / 1000, within the kernel's 2..262144; 0 is 2.
uint64_t SharesFromMilliCpu(int64_t milli);
// The kernel's least quota is 1 ms; 0 means no limit.
int64_t QuotaFromMilliCpu(int64_t milli);
// The linear map that the kubelet uses: 2..262144 to 1..10000.
uint64_t WeightFromShares(uint64_t shares);

}  // namespace berth::cgroups

#endif  // BERTH_CGROUPS_LIMITS_H_
