// SPDX-License-Identifier: Apache-2.0
// What a kube-proxy of iptables mode left in this network namespace. Its nf_tables table is the
// backend's to replace (nft_backend.h).
#ifndef BERTH_NETPROXY_KUBE_PROXY_LEFTOVERS_H_
#define BERTH_NETPROXY_KUBE_PROXY_LEFTOVERS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace berth::netproxy {

// What iptables-restore --noflush has to read so that kube-proxy's chains, and the rules that lead
// to them, are gone of what iptables-save printed; "" when there are none. The kubelet's chains and
// everybody else's stay. Pure.
std::string ChainsRemoval(std::string_view saved);

// Removes them with the host's iptables and ip6tables. OK when there are none, and quick then.
absl::Status RemoveKubeProxyChains();

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_KUBE_PROXY_LEFTOVERS_H_
