// SPDX-License-Identifier: Apache-2.0
// For tests: a blocking socket, to say and see exactly what goes over the wire.
#ifndef BERTH_HTTP_RAW_PEER_TEST_H_
#define BERTH_HTTP_RAW_PEER_TEST_H_

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>
#include <utility>

#include "http/loop.h"

namespace berth::http {

class RawPeer {
 public:
  explicit RawPeer(Socket socket) : socket_(std::move(socket)) {}
  static RawPeer To(int port) {
    Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<uint16_t>(port));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) return RawPeer({});
    return RawPeer(std::move(socket));
  }

  bool Send(std::string_view data) {
    while (!data.empty()) {
      const ssize_t n = send(socket_.get(), data.data(), data.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      data.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }
  void EndSending() { shutdown(socket_.get(), SHUT_WR); }
  // What has come when `mark` is in it, or at the end.
  std::string ReadUntil(std::string_view mark) {
    while (got_.find(mark) == std::string::npos && ReadSome()) {
    }
    const size_t at = got_.find(mark);
    const size_t size = at == std::string::npos ? got_.size() : at + mark.size();
    std::string out = got_.substr(0, size);
    got_.erase(0, size);
    return out;
  }
  std::string ReadAll() {
    while (ReadSome()) {
    }
    return std::exchange(got_, "");
  }
  bool ReadSome() {
    char buffer[65536];
    const ssize_t n = recv(socket_.get(), buffer, sizeof buffer, 0);
    if (n <= 0) return false;
    got_.append(buffer, static_cast<size_t>(n));
    return true;
  }
  std::string Take() { return std::exchange(got_, ""); }

 private:
  Socket socket_;
  std::string got_;
};

// Waits until a counter that has begun to rise stands still for a second: nothing but the kernel's
// buffers can tell when a peer is held back.
inline size_t AwaitStandstill(const std::atomic<size_t>& counter) {
  size_t before = 0;
  do {
    before = counter;
    pollfd nothing{-1, 0, 0};
    poll(&nothing, 1, 1000);
  } while (counter == 0 || counter != before);
  return before;
}

}  // namespace berth::http

#endif  // BERTH_HTTP_RAW_PEER_TEST_H_
