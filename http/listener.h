// SPDX-License-Identifier: Apache-2.0
// Inside http/: a listening socket on a loop.
#ifndef BERTH_HTTP_LISTENER_H_
#define BERTH_HTTP_LISTENER_H_

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "http/loop.h"

namespace berth::http {

// "ip:port", "[ip6]:port" or ":port" (every address).
absl::StatusOr<Socket> OpenListener(std::string_view address);
absl::StatusOr<int> PortOf(const Socket& socket);  // 0 for one that has no ports

// Made, started and destroyed on its loop.
class Listener {
 public:
  using Accepted = std::function<void(Socket socket, std::string remote_address)>;
  Listener(Loop& loop, Socket socket, Accepted accepted);
  void Accept();

 private:
  Watched watched_;
  Timer pause_;
  const Accepted accepted_;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_LISTENER_H_
