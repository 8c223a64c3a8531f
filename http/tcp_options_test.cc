// SPDX-License-Identifier: Apache-2.0
#include "http/tcp_options.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <vector>

#include "base/executor.h"
#include "http/client.h"
#include "http/server.h"

namespace berth::http {
namespace {

int Get(int fd, int level, int option) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(fd, level, option, &value, &size);
  return value;
}

// The connected TCP sockets of this process at `port`, at either end.
std::vector<int> ConnectedTo(int port) {
  std::vector<int> found;
  for (int fd = 0; fd < 1024; ++fd) {
    sockaddr_in own{}, peer{};
    socklen_t own_size = sizeof own, peer_size = sizeof peer;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &own_size) == 0 &&
        getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0 &&
        own.sin_family == AF_INET &&
        (ntohs(own.sin_port) == port || ntohs(peer.sin_port) == port)) {
      found.push_back(fd);
    }
  }
  return found;
}

TEST(TcpOptions, BothEndsOfAConnectionNoticeALostPeerWithinAMinute) {
  IoContext io;
  base::ThreadPool pool("handlers", 2);
  auto server = MakeServer(io, pool, {}, [](std::shared_ptr<Exchange> exchange) {
    exchange->Respond({200, {}, "hello"});
  });
  ASSERT_TRUE(server.ok()) << server.status();
  ClientOptions options;
  options.host = "127.0.0.1";
  options.port = (*server)->Listen("127.0.0.1:0").value();
  const auto client = MakeClient(io, options).value();
  ASSERT_TRUE(client->Do({"GET", "/", {}, ""}, absl::Seconds(20)).ok());
  const auto ends = ConnectedTo(options.port);
  EXPECT_EQ(ends.size(), 2u);
  for (const int fd : ends) {
    EXPECT_EQ(Get(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    EXPECT_LE(Get(fd, IPPROTO_TCP, TCP_KEEPIDLE) +
                  Get(fd, IPPROTO_TCP, TCP_KEEPINTVL) * Get(fd, IPPROTO_TCP, TCP_KEEPCNT),
              60);
    EXPECT_EQ(Get(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  }
}

}  // namespace
}  // namespace berth::http
