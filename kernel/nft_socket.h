// SPDX-License-Identifier: Apache-2.0
// Talks nf_tables to the kernel: commits transactions and reads our own tables back. One socket per
// thread; it belongs to the network namespace it was opened in.
#ifndef BERTH_KERNEL_NFT_SOCKET_H_
#define BERTH_KERNEL_NFT_SOCKET_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "kernel/netlink.h"
#include "kernel/nft_batch.h"

namespace berth::kernel {

class NftSocket {
 public:
  static absl::StatusOr<NftSocket> Open();

  // All or nothing. On failure the message names the object that the kernel refused, and the code
  // is its errno's: kNotFound for what is not there, kAlreadyExists, kUnavailable for try again.
  // kAborted: whether it took effect is unknown (answers were lost); read the table back.
  absl::Status Commit(NftBatch& batch);

  uint32_t port() const { return socket_.port(); }

  absl::StatusOr<bool> HasTable(NftFamily family, std::string_view table);
  // Names in no particular order; none when the table does not exist.
  absl::StatusOr<std::vector<std::string>> ListChains(NftFamily family, std::string_view table);
  absl::StatusOr<std::vector<std::string>> ListSets(NftFamily family, std::string_view table);
  // Hands out the elements of one set; they live for the call only. `restart`: forget what was
  // handed out, the dump begins again.
  absl::Status DumpElements(NftFamily family, std::string_view table, std::string_view set,
                            const std::function<void()>& restart,
                            const std::function<void(const NftElement&)>& each);

 private:
  explicit NftSocket(NetlinkSocket socket) : socket_(std::move(socket)) {}
  absl::StatusOr<std::vector<std::string>> ListNames(uint16_t message, uint16_t table_attribute,
                                                     uint16_t name_attribute, NftFamily family,
                                                     std::string_view table);
  NetlinkSocket socket_;
};

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NFT_SOCKET_H_
