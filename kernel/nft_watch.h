// SPDX-License-Identifier: Apache-2.0
// What others do to nf_tables, as the kernel tells its listeners (NFNLGRP_NFTABLES). Elements that
// rules add and time takes away are not told of. Single-threaded; it belongs to the network
// namespace it was opened in.
#ifndef BERTH_KERNEL_NFT_WATCH_H_
#define BERTH_KERNEL_NFT_WATCH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/netlink.h"
#include "kernel/nft_rule.h"

namespace berth::kernel {

struct NftEdit {
  NftFamily family = NftFamily::kIp4;
  std::string table;
  bool structure = false;  // more than elements: rules, chains, sets or the table itself
  std::string by;          // "nft (pid 12)"; "" when the kernel did not say
};

class NftWatch {
 public:
  // What the socket with `own_port` commits is not told of.
  static absl::StatusOr<NftWatch> Open(uint32_t own_port);

  // What was committed since the last call, an edit per table, without waiting. `lost` says that
  // there was more: anything may have changed.
  absl::StatusOr<std::vector<NftEdit>> Read(bool& lost);

 private:
  explicit NftWatch(NetlinkSocket socket) : socket_(std::move(socket)) {}
  NetlinkSocket socket_;
};

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NFT_WATCH_H_
