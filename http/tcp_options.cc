// SPDX-License-Identifier: Apache-2.0
#include "http/tcp_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace berth::http {
namespace {

constexpr int kSilence = 30;  // seconds until the first question
constexpr int kInterval = 5;
constexpr int kQuestions = 3;

void Set(int fd, int level, int option, int value) {
  (void)setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

void SetTcpOptions(int fd) {
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  Set(fd, IPPROTO_TCP, TCP_KEEPIDLE, kSilence);
  Set(fd, IPPROTO_TCP, TCP_KEEPINTVL, kInterval);
  Set(fd, IPPROTO_TCP, TCP_KEEPCNT, kQuestions);
}

}  // namespace berth::http
