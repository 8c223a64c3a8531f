// SPDX-License-Identifier: Apache-2.0
// What nft keeps beside a set to print it as `typeof ip daddr . meta l4proto . ...`. Without it nft
// lists a map that a random number indexes in a form that it cannot read back itself. The kernel
// stores these bytes and never looks at them.
#ifndef BERTH_KERNEL_NFT_TYPEOF_H_
#define BERTH_KERNEL_NFT_TYPEOF_H_

#include <string>
#include <vector>

#include "kernel/nft_rule.h"

namespace berth::kernel {

enum class NftTypeof { kSource, kDestination, kL4Proto, kDestinationPort, kRandom };

// The userdata of a set whose key, and whose data if it is a map, are such concatenations (two
// parts or more).
std::string NftTypeofUserdata(NftFamily family, const std::vector<NftTypeof>& key,
                              const std::vector<NftTypeof>& data);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NFT_TYPEOF_H_
