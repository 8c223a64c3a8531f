// SPDX-License-Identifier: Apache-2.0
// The real thing: a table of ours in nf_tables, over netlink, in the network namespace that the
// calling thread is in when its connection first talks to the kernel.
#ifndef BERTH_NETPROXY_NFT_BACKEND_H_
#define BERTH_NETPROXY_NFT_BACKEND_H_

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "kernel/nft_socket.h"
#include "netproxy/backend.h"
#include "netproxy/nft_connection.h"

namespace berth::netproxy {

class NftBackend : public RulesetBackend {
 public:
  explicit NftBackend(kernel::NftFamily family,
                      std::shared_ptr<NftConnection> connection = std::make_shared<NftConnection>())
      : family_(family), connection_(std::move(connection)) {}

  absl::StatusOr<std::optional<std::vector<Element>>> Load(LayoutOptions& layout) override;
  absl::Status Replace(const LayoutOptions& layout, const std::vector<Element>& all) override;
  absl::Status Apply(const LayoutOptions& layout, const Change& change) override;
  absl::Status ForgetClients(uint32_t affinity_seconds,
                             const std::function<bool(const RememberedClient&)>& keep) override;
  absl::Status Cleanup() override;

 private:
  absl::StatusOr<kernel::NftSocket*> Socket() { return connection_->Socket(); }
  absl::Status ReadSet(kernel::NftSocket& socket, SetKind kind, uint32_t param,
                       std::vector<Element>& out);

  const kernel::NftFamily family_;
  const std::shared_ptr<NftConnection> connection_;
  std::optional<LayoutOptions> loaded_;  // what the kernel has now
};

}  // namespace berth::netproxy

#endif  // BERTH_NETPROXY_NFT_BACKEND_H_
