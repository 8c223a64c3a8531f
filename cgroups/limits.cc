// SPDX-License-Identifier: Apache-2.0
#include "cgroups/limits.h"

#include <algorithm>

namespace berth::cgroups {
namespace {
constexpr uint64_t kMinShares = 2;
constexpr uint64_t kMaxShares = 262'144;
}  // namespace

uint64_t SharesFromMilliCpu(int64_t milli) {
  if (milli <= 0) return kMinShares;
  // Above the top long before the product could overflow.
  if (milli >= 256'000'000) return kMaxShares;
  return std::clamp(static_cast<uint64_t>(milli) * 1024 / 1000, kMinShares, kMaxShares);
}

int64_t QuotaFromMilliCpu(int64_t milli) {
  if (milli <= 0) return kUnlimited;
  return std::max<int64_t>(milli * kCpuPeriodUs / 1000, 1000);
}

uint64_t WeightFromShares(uint64_t shares) {
  return 1 + ((std::clamp(shares, kMinShares, kMaxShares) - kMinShares) * 9999) / 262'142;
}

}  // namespace berth::cgroups
