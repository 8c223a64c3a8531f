// SPDX-License-Identifier: Apache-2.0
#include "http/byte_stream.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/strings.h"

namespace berth::http {
namespace {

using Kind = IoResult::Kind;

IoResult Failed(Kind want) {
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {.kind = want};
  return {.kind = Kind::kError, .error = std::strerror(errno)};
}

}  // namespace

ByteStream::ByteStream(Loop& loop, Socket socket, SslPtr ssl, std::string server_name)
    : watched_(loop, std::move(socket)),
      ssl_(std::move(ssl)),
      server_name_(std::move(server_name)) {
  if (ssl_ != nullptr) SSL_set_fd(ssl_.get(), watched_.fd());
}

ByteStream::~ByteStream() {
  if (ssl_ == nullptr || !SSL_is_init_finished(ssl_.get())) return;
  SSL_shutdown(ssl_.get());  // close_notify, if there is room for it
  ERR_clear_error();
}

IoResult ByteStream::Tls(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {.kind = Kind::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {.kind = Kind::kWantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {.kind = Kind::kEnd};
    case SSL_ERROR_SYSCALL:
      if (errno != 0) return {.kind = Kind::kError, .error = std::strerror(errno)};
      return {.kind = Kind::kError, .error = "connection closed by peer"};
    default:
      return {.kind = Kind::kError, .error = TlsError(ssl_.get(), server_name_)};
  }
}

IoResult ByteStream::Handshake() {
  if (ssl_ == nullptr) return {};
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) return {};
  IoResult out = Tls(result);
  if (out.kind == Kind::kError) out.error = base::StrCat("TLS handshake: ", out.error);
  return out;
}

IoResult ByteStream::Read(char* data, size_t size) {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    errno = 0;
    const int n = SSL_read(ssl_.get(), data, static_cast<int>(size));
    if (n > 0) return {.bytes = static_cast<size_t>(n)};
    return Tls(n);
  }
  ssize_t n;
  do {
    n = recv(watched_.fd(), data, size, 0);
  } while (n < 0 && errno == EINTR);
  if (n > 0) return {.bytes = static_cast<size_t>(n)};
  if (n == 0) return {.kind = Kind::kEnd};
  return Failed(Kind::kWantRead);
}

IoResult ByteStream::Write(std::string_view data) {
  if (data.empty()) return {};
  if (ssl_ != nullptr) {
    ERR_clear_error();
    errno = 0;
    const size_t size = std::min<size_t>(data.size(), 1 << 20);
    const int n = SSL_write(ssl_.get(), data.data(), static_cast<int>(size));
    if (n > 0) return {.bytes = static_cast<size_t>(n)};
    return Tls(n);
  }
  ssize_t n;
  do {
    n = send(watched_.fd(), data.data(), data.size(), MSG_NOSIGNAL);
  } while (n < 0 && errno == EINTR);
  if (n >= 0) return {.bytes = static_cast<size_t>(n)};
  return Failed(Kind::kWantWrite);
}

IoResult ByteStream::ShutdownWrite() {
  if (ssl_ != nullptr) {
    ERR_clear_error();
    errno = 0;
    const int n = SSL_shutdown(ssl_.get());  // 0: ours is sent, the peer's has not come yet
    if (n >= 0) return {};
    return Tls(n);
  }
  if (shutdown(watched_.fd(), SHUT_WR) == 0) return {};
  return Failed(Kind::kWantWrite);
}

size_t ByteStream::Unsent() const {
  int bytes = 0;
  return ioctl(watched_.fd(), SIOCOUTQ, &bytes) == 0 ? static_cast<size_t>(bytes) : 0;
}

bool ByteStream::PeerEnded() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(watched_.fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  return info.tcpi_state == TCP_CLOSE_WAIT || info.tcpi_state == TCP_CLOSE;
}

void ByteStream::AbortOnClose() {
  const linger none{.l_onoff = 1, .l_linger = 0};
  setsockopt(watched_.fd(), SOL_SOCKET, SO_LINGER, &none, sizeof none);
}

void ByteStream::When(Kind want, Loop::Task task) {
  if (want == Kind::kWantWrite) {
    watched_.WhenWritable(std::move(task));
  } else {
    watched_.WhenReadable(std::move(task));
  }
}

std::optional<PeerCertificate> ByteStream::Peer() const {
  return ssl_ != nullptr ? PeerOf(ssl_.get()) : std::nullopt;
}

ByteStream::Parts ByteStream::Release() { return {watched_.Release(), std::move(ssl_)}; }

}  // namespace berth::http
