// SPDX-License-Identifier: Apache-2.0
// How an endpoint is drawn. Services with n endpoints share the rules of their class: up to 8, a
// class for each n draws one of n slots. Above, a class is a power of two: draw one of its slots,
// again if it is empty, up to kDraws times, and last from the lower half, which is always full.
// At most one flow in 2^kDraws takes the last resort, so no endpoint's share is off by more than
// 0.4 %.
#ifndef BERTH_NETPROXY_CLASSES_H_
#define BERTH_NETPROXY_CLASSES_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace berth::netproxy {

inline constexpr uint32_t kExactClasses = 8;
inline constexpr uint32_t kMaxEndpoints = 8192;  // of one frontend; more are left out
inline constexpr int kDraws = 8;
// Class 1 has no set: slot 0 is where every draw ends.
inline constexpr std::array<uint32_t, 17> kClasses = {2,  3,   4,   5,   6,    7,    8,    16,  32,
                                                      64, 128, 256, 512, 1024, 2048, 4096, 8192};

constexpr uint32_t ClassOf(size_t endpoints) {
  if (endpoints < 2) return 0;
  for (const uint32_t size : kClasses) {
    if (endpoints <= size) return size;
  }
  return kMaxEndpoints;
}

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_CLASSES_H_
