// SPDX-License-Identifier: Apache-2.0
// Network namespaces as values: made, entered by the calling thread, gone with the last descriptor.
// Tests build small networks of them; sockets stay in the namespace where they were opened.
#ifndef BERTH_KERNEL_NETWORK_NAMESPACE_H_
#define BERTH_KERNEL_NETWORK_NAMESPACE_H_

#include "absl/status/statusor.h"
#include "kernel/fd.h"

namespace berth::kernel {

class NetworkNamespace {
 public:
  // A new, empty one. kPermissionDenied where the process may not (no CAP_SYS_ADMIN).
  static absl::StatusOr<NetworkNamespace> Create();
  // The one that the calling thread is in.
  static absl::StatusOr<NetworkNamespace> Current();

  int fd() const { return fd_.get(); }

 private:
  explicit NetworkNamespace(UniqueFd fd) : fd_(std::move(fd)) {}
  UniqueFd fd_;
};

// The calling thread is in `inside` for as long as this lives, then back where it was.
class EnterNetworkNamespace {
 public:
  static absl::StatusOr<EnterNetworkNamespace> Enter(const NetworkNamespace& inside);
  EnterNetworkNamespace(EnterNetworkNamespace&&) = default;
  ~EnterNetworkNamespace();

 private:
  explicit EnterNetworkNamespace(UniqueFd before) : before_(std::move(before)) {}
  UniqueFd before_;
};

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NETWORK_NAMESPACE_H_
