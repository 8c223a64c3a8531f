// SPDX-License-Identifier: Apache-2.0
// Inside http/: one thread's event loop, and what waits on it. A connection lives on one loop and
// is touched on that loop's thread only, so connections need no locks. Everything here but
// Loop::Post and Loop::InThread is for the loop's own thread.
#ifndef BERTH_HTTP_LOOP_H_
#define BERTH_HTTP_LOOP_H_

#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "http/io_context.h"

namespace berth::http {

// Owns a socket's descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

class Loop {
 public:
  using Task = absl::AnyInvocable<void()>;
  static constexpr size_t kScratchBytes = 64 << 10;

  Loop();
  ~Loop();
  void Run();   // until Stop(), on the thread that becomes the loop's
  void Stop();  // from another thread; the loop's thread must be joined before Clear()
  void Clear();

  // Runs `task` on the loop, after what was posted before. Dropped once the loop has ended.
  void Post(Task task);
  bool InThread() const;
  // Posts `task` and waits for it; runs it at once on the loop's own thread.
  void PostAndWait(Task task);
  // Room for one read. Its content lasts until the reader returns to the loop, so that idle
  // connections need no buffers of their own.
  char* scratch() { return scratch_.get(); }

  struct Rep;
  Rep* rep() { return rep_.get(); }

 private:
  std::unique_ptr<Rep> rep_;
  std::unique_ptr<char[]> scratch_;
};

class Timer {
 public:
  explicit Timer(Loop& loop);
  ~Timer();
  // Replaces what was started before. An infinite time never comes.
  void Start(absl::Duration after, Loop::Task task);
  void Cancel();

 private:
  struct Rep;
  std::shared_ptr<Rep> rep_;
};

// A non-blocking descriptor whose readiness the loop watches. Destroying it closes the descriptor
// and forgets the tasks that wait.
class Watched {
 public:
  Watched(Loop& loop, Socket socket);
  ~Watched();
  int fd() const;
  void WhenReadable(Loop::Task task);
  void WhenWritable(Loop::Task task);
  Socket Release();

 private:
  struct Rep;
  std::shared_ptr<Rep> rep_;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  std::string ToString() const;  // "10.0.0.1:80", "[::1]:80", or a path
};

// Calls `done` on the loop. Addresses in text need no resolver.
using Addresses = absl::StatusOr<std::vector<SocketAddress>>;
void Resolve(Loop& loop, const std::string& host, int port,
             absl::AnyInvocable<void(Addresses)> done);
// An IP address in text; nothing when it is a name.
absl::StatusOr<SocketAddress> ParseAddress(std::string_view host, int port);

class IoContext::Impl {
 public:
  virtual ~Impl() = default;
  virtual const std::vector<std::shared_ptr<Loop>>& loops() const = 0;
  virtual std::shared_ptr<Loop> NextLoop() = 0;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_LOOP_H_
