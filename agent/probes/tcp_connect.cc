// SPDX-License-Identifier: Apache-2.0
#include "agent/probes/tcp_connect.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

#include <memory>

#include "base/status.h"
#include "base/strings.h"
#include "kernel/fd.h"

namespace berth::agent {

absl::Status TcpConnect(const std::string& host, int port, absl::Duration timeout) {
  const std::string where = base::StrCat("dial tcp ", host, ":", port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = base::StrCat(port);
  if (const int error = getaddrinfo(host.c_str(), service.c_str(), &hints, &found); error != 0) {
    return base::Unavailable(where, ": ", gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  const kernel::UniqueFd fd(
      socket(addresses->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return base::FromErrno(errno, where);
  // Reset instead of a TIME_WAIT per attempt.
  const linger reset{1, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
  if (connect(fd.get(), addresses->ai_addr, addresses->ai_addrlen) == 0) return absl::OkStatus();
  if (errno != EINPROGRESS) return base::Unavailable(base::FromErrno(errno, where).message());
  pollfd waiting{fd.get(), POLLOUT, 0};
  const int ready = poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout)));
  if (ready == 0)
    return base::MakeStatus(absl::StatusCode::kDeadlineExceeded, where, ": i/o timeout");
  int error = 0;
  socklen_t size = sizeof(error);
  if (ready < 0 || getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == ECONNREFUSED) return base::Unavailable(where, ": connect: connection refused");
  return error == 0 ? absl::OkStatus() : base::FromErrno(error, where);
}

}  // namespace berth::agent
