// SPDX-License-Identifier: Apache-2.0
// The way to nf_tables that the backends of both families share: one socket for transactions, and
// a watch for what others do to the tables.
#ifndef BERTH_NETPROXY_NFT_CONNECTION_H_
#define BERTH_NETPROXY_NFT_CONNECTION_H_

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "kernel/nft_socket.h"
#include "kernel/nft_watch.h"
#include "netproxy/backend.h"

namespace berth::netproxy {

class NftConnection {
 public:
  // Opened in the network namespace of the first caller. For one thread at a time.
  absl::StatusOr<kernel::NftSocket*> Socket();

  // What others did to our tables since the last call; nothing before the socket is open. From any
  // thread.
  std::vector<ForeignEdit> TakeForeignEdits();

 private:
  std::optional<kernel::NftSocket> socket_;
  base::Mutex mu_;
  std::optional<kernel::NftWatch> watch_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_NFT_CONNECTION_H_
