// SPDX-License-Identifier: Apache-2.0
// An owned file descriptor. Moves, closes itself, never copies. A raw int from get() is for one
// system call, not to be kept.
#ifndef BERTH_KERNEL_FD_H_
#define BERTH_KERNEL_FD_H_

#include <unistd.h>

#include <utility>

namespace berth::kernel {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  ~UniqueFd() { Reset(); }
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  explicit operator bool() const { return valid(); }
  // The caller closes it.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    // close() is not retried on EINTR: Linux has released the descriptor by then.
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_FD_H_
