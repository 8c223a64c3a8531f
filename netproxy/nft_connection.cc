// SPDX-License-Identifier: Apache-2.0
#include "netproxy/nft_connection.h"

#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "netproxy/layout.h"

namespace berth::netproxy {

absl::StatusOr<kernel::NftSocket*> NftConnection::Socket() {
  if (socket_.has_value()) return &*socket_;
  ASSIGN_OR_RETURN(kernel::NftSocket opened, kernel::NftSocket::Open());
  socket_.emplace(std::move(opened));
  auto watch = kernel::NftWatch::Open(socket_->port());
  if (watch.ok()) {
    base::MutexLock lock(mu_);
    watch_.emplace(*std::move(watch));
  } else {
    BERTH_WARNING("what others do to the proxy's tables is not noticed", {"error", watch.status()});
  }
  return &*socket_;
}

std::vector<ForeignEdit> NftConnection::TakeForeignEdits() {
  std::vector<ForeignEdit> out;
  bool lost = false;
  // Reading takes what the kernel has queued and never waits, so the lock may be held.
  base::MutexLock lock(mu_);
  if (!watch_.has_value()) return out;
  const auto edits = watch_->Read(lost);
  if (!edits.ok() || lost) {
    out.push_back({.six = false, .structure = true, .by = "somebody"});
    out.push_back({.six = true, .structure = true, .by = "somebody"});
    return out;
  }
  for (const kernel::NftEdit& edit : *edits) {
    if (edit.table != kTableName || edit.family == kernel::NftFamily::kInet) continue;
    out.push_back({edit.family == kernel::NftFamily::kIp6, edit.structure, edit.by});
  }
  return out;
}

}  // namespace berth::netproxy
