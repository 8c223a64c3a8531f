// SPDX-License-Identifier: Apache-2.0
// The kernel's table of tracked connections, over netlink, in the calling thread's namespace.
#ifndef BERTH_KERNEL_CONNTRACK_H_
#define BERTH_KERNEL_CONNTRACK_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "kernel/ip_address.h"

namespace berth::kernel {

// One flow, as its first packet had it and as answers have it. With destination NAT the answer's
// source is where the flow really goes.
struct TrackedFlow {
  uint8_t protocol = 0;
  IpAddress source;
  IpAddress destination;
  uint16_t source_port = 0;
  uint16_t destination_port = 0;
  IpAddress reply_source;
  uint16_t reply_source_port = 0;
};

// Deletes the flows of one protocol and family that `stale` wants gone, and says how many. A flow
// that ends by itself meanwhile is no error. Established connections of other protocols are not
// looked at.
absl::StatusOr<int> DeleteFlows(uint8_t protocol, bool six,
                                const std::function<bool(const TrackedFlow&)>& stale);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_CONNTRACK_H_
