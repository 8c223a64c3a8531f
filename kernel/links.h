// SPDX-License-Identifier: Apache-2.0
// Network interfaces and their addresses, over rtnetlink, in the calling thread's namespace.
#ifndef BERTH_KERNEL_LINKS_H_
#define BERTH_KERNEL_LINKS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/ip_address.h"
#include "kernel/network_namespace.h"

namespace berth::kernel {

struct InterfaceAddress {
  int link = 0;  // the interface's index
  IpAddress address;
  int prefix_length = 0;
  bool global = false;  // of global scope: not loopback, not link-local
};

// Every address of every interface, loopback's too.
absl::StatusOr<std::vector<InterfaceAddress>> ListAddresses();

// The address that the node is reached by: the source address of the default route, else the first
// global address of the default route's interface. kNotFound without either.
absl::StatusOr<IpAddress> DefaultRouteAddress(bool six);

absl::StatusOr<int> LinkIndex(std::string_view name);  // kNotFound
absl::Status SetLinkUp(std::string_view name);
// `prefix_length` says what else is reached directly through the link.
absl::Status AddAddress(std::string_view link, const IpAddress& address, int prefix_length);
// A pair of connected interfaces: `name` here, `peer` in the other namespace.
absl::Status AddVethPair(std::string_view name, std::string_view peer,
                         const NetworkNamespace& peer_namespace);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_LINKS_H_
