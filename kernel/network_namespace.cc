// SPDX-License-Identifier: Apache-2.0
#include "kernel/network_namespace.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "base/status.h"

namespace berth::kernel {
namespace {

absl::StatusOr<UniqueFd> OpenCurrent() {
  UniqueFd fd(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (!fd) return base::FromErrno(errno, "opening the network namespace");
  return fd;
}

// A thread that cannot come back would do its later work in the wrong network.
void MustReturn(const UniqueFd& before) {
  if (::setns(before.get(), CLONE_NEWNET) != 0) {
    std::perror("returning to the network namespace");
    std::abort();
  }
}

}  // namespace

absl::StatusOr<NetworkNamespace> NetworkNamespace::Create() {
  ASSIGN_OR_RETURN(const UniqueFd before, OpenCurrent());
  if (::unshare(CLONE_NEWNET) != 0) return base::FromErrno(errno, "making a network namespace");
  absl::StatusOr<UniqueFd> made = OpenCurrent();
  MustReturn(before);
  if (!made.ok()) return made.status();
  return NetworkNamespace(*std::move(made));
}

absl::StatusOr<NetworkNamespace> NetworkNamespace::Current() {
  ASSIGN_OR_RETURN(UniqueFd fd, OpenCurrent());
  return NetworkNamespace(std::move(fd));
}

absl::StatusOr<EnterNetworkNamespace> EnterNetworkNamespace::Enter(const NetworkNamespace& inside) {
  ASSIGN_OR_RETURN(UniqueFd before, OpenCurrent());
  if (::setns(inside.fd(), CLONE_NEWNET) != 0) {
    return base::FromErrno(errno, "entering a network namespace");
  }
  return EnterNetworkNamespace(std::move(before));
}

EnterNetworkNamespace::~EnterNetworkNamespace() {
  if (before_) MustReturn(before_);
}

}  // namespace berth::kernel
