// SPDX-License-Identifier: Apache-2.0
#include "netproxy/health_check_ports.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernel/fd.h"

namespace berth::netproxy {
namespace {

// A port that nobody has right now.
int FreePort() {
  const kernel::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  (void)::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), length);
  (void)::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

bool Connects(int port) {
  const kernel::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

TEST(HealthCheckPorts, AnswerWithTheNumberOfLocalEndpoints) {
  http::IoContext io;
  base::ThreadPool executor("test", 1);
  HealthCheckPorts ports(io, executor, "127.0.0.1");
  const int port = FreePort();
  ASSERT_TRUE(ports.Set("ns/web", port, 2).ok());
  EXPECT_TRUE(Connects(port));
  EXPECT_EQ(ports.Answer("ns/web").status, 200);
  EXPECT_THAT(ports.Answer("ns/web").body, testing::HasSubstr("\"localEndpoints\": 2"));
  ASSERT_TRUE(ports.Set("ns/web", port, 0).ok());
  EXPECT_EQ(ports.Answer("ns/web").status, 503);
  ASSERT_TRUE(ports.Set("ns/web", port, 1).ok());
  ports.SetProxyHealthy([] { return false; });
  EXPECT_EQ(ports.Answer("ns/web").status, 503);
  ASSERT_TRUE(ports.Set("ns/web", 0, 0).ok());
  EXPECT_FALSE(Connects(port));
}

}  // namespace
}  // namespace berth::netproxy
