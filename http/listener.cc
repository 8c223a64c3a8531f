// SPDX-License-Identifier: Apache-2.0
#include "http/listener.h"

#include <netinet/in.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "base/status.h"
#include "http/tcp_options.h"

namespace berth::http {

absl::StatusOr<Socket> OpenListener(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) {
    return base::InvalidArgument("listen address without a port: ", address);
  }
  const auto port = base::ParseInt<uint16_t>(address.substr(colon + 1));
  if (!port) return base::InvalidArgument("listen address with a bad port: ", address);
  std::string_view host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  ASSIGN_OR_RETURN(const SocketAddress to, ParseAddress(host.empty() ? "::" : host, *port),
                   "listening on ", address);

  Socket socket(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return base::FromErrno(errno, base::StrCat("listening on ", address));
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length) != 0 ||
      listen(socket.get(), 1024) != 0) {
    return base::FromErrno(errno, base::StrCat("listening on ", address));
  }
  return socket;
}

absl::StatusOr<int> PortOf(const Socket& socket) {
  SocketAddress bound;
  bound.length = sizeof bound.storage;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound.storage), &bound.length) != 0) {
    return base::FromErrno(errno, "asking a listening socket for its address");
  }
  switch (bound.storage.ss_family) {
    case AF_INET:
      return ntohs(reinterpret_cast<const sockaddr_in&>(bound.storage).sin_port);
    case AF_INET6:
      return ntohs(reinterpret_cast<const sockaddr_in6&>(bound.storage).sin6_port);
    default:
      return 0;
  }
}

Listener::Listener(Loop& loop, Socket socket, Accepted accepted)
    : watched_(loop, std::move(socket)), pause_(loop), accepted_(std::move(accepted)) {}

void Listener::Accept() {
  constexpr absl::Duration kPause = absl::Milliseconds(100);
  for (;;) {
    SocketAddress from;
    from.length = sizeof from.storage;
    Socket socket(accept4(watched_.fd(), reinterpret_cast<sockaddr*>(&from.storage), &from.length,
                          SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket) {
      SetTcpOptions(socket.get());
      accepted_(std::move(socket), from.ToString());
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      watched_.WhenReadable([this] { Accept(); });
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      // Out of descriptors or memory: what is open now may end.
      BERTH_WARNING("cannot accept connections", {"why", base::FromErrno(errno, "accept")});
      pause_.Start(kPause, [this] { Accept(); });
      return;
    }
  }
}

}  // namespace berth::http
