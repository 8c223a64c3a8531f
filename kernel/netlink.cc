// SPDX-License-Identifier: Apache-2.0
#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/status.h"

namespace berth::kernel {
namespace {

constexpr int kReceiveBuffer = 8 << 20;
constexpr size_t kDatagram = 256 << 10;  // the kernel's dump datagrams are at most 32 KiB
constexpr int kDumpAttempts = 5;
constexpr int kAnswerTimeoutMs = 10'000;

absl::Status FromKernel(const NetlinkError& error) {
  return base::FromErrno(error.error, error.message.empty() ? "netlink" : error.message);
}

}  // namespace

void NetlinkSocket::Free::operator()(nl_sock* socket) const { nl_socket_free(socket); }
NetlinkSocket::NetlinkSocket(NetlinkSocket&&) noexcept = default;
NetlinkSocket& NetlinkSocket::operator=(NetlinkSocket&&) noexcept = default;
NetlinkSocket::~NetlinkSocket() = default;

int NetlinkSocket::fd() const { return nl_socket_get_fd(socket_.get()); }

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol) {
  nl_sock* raw = nl_socket_alloc();
  if (raw == nullptr) return base::Unavailable("no memory for a netlink socket");
  NetlinkSocket out(raw);
  if (const int error = nl_connect(raw, protocol); error < 0) {
    return base::Unavailable("opening a netlink socket: ", nl_geterror(error));
  }
  const int fd = out.fd();
  const int one = 1;
  // Errors come with the offending attribute and the kernel's words, and without our own bytes.
  (void)::setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one);
  (void)::setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one);
  if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer) != 0) {
    (void)::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBuffer, sizeof kReceiveBuffer);
  }
  out.buffer_.resize(kDatagram);
  return out;
}

absl::Status NetlinkSocket::Send(std::string_view bytes) {
  if (bytes.size() + 4096 > send_buffer_) {
    const int want = static_cast<int>(std::max<size_t>(bytes.size() + 65536, 256 << 10));
    if (::setsockopt(fd(), SOL_SOCKET, SO_SNDBUFFORCE, &want, sizeof want) != 0) {
      (void)::setsockopt(fd(), SOL_SOCKET, SO_SNDBUF, &want, sizeof want);
    }
    send_buffer_ = static_cast<size_t>(want);
  }
  sockaddr_nl kernel{};
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    const ssize_t sent = ::sendto(fd(), bytes.data(), bytes.size(), 0,
                                  reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
    if (sent == static_cast<ssize_t>(bytes.size())) return absl::OkStatus();
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return base::FromErrno(errno, "netlink send");
    return base::Internal("netlink took ", sent, " of ", bytes.size(), " bytes");
  }
}

absl::StatusOr<std::string_view> NetlinkSocket::Receive(bool wait) {
  for (;;) {
    if (wait) {
      pollfd p{fd(), POLLIN, 0};
      const int ready = ::poll(&p, 1, kAnswerTimeoutMs);
      if (ready < 0 && errno == EINTR) continue;
      if (ready == 0) return absl::DeadlineExceededError("the kernel did not answer");
    }
    sockaddr_nl from{};
    socklen_t length = sizeof from;
    const ssize_t got = ::recvfrom(fd(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                                   reinterpret_cast<sockaddr*>(&from), &length);
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN && !wait) return std::string_view();
      if (errno == EAGAIN) continue;
      if (errno == ENOBUFS) return absl::AbortedError("netlink answers were lost");
      return base::FromErrno(errno, "netlink receive");
    }
    if (from.nl_pid != 0) continue;  // not from the kernel
    return std::string_view(buffer_).substr(0, static_cast<size_t>(got));
  }
}

absl::Status NetlinkSocket::CollectAnswers(std::vector<NetlinkError>& answers, bool& overrun) {
  return ReadWaiting(
      [&](const NetlinkMessage& message) {
        if (message.type == NLMSG_ERROR) answers.push_back(ParseNetlinkError(message));
      },
      overrun);
}

uint32_t NetlinkSocket::port() const { return nl_socket_get_local_port(socket_.get()); }

absl::Status NetlinkSocket::Subscribe(int group, uint32_t except_port) {
  // The filter loads in network order what the header has in the host's.
  sock_filter drop_own[] = {
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(nlmsghdr, nlmsg_pid)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, htonl(except_port)},
      {BPF_RET | BPF_K, 0, 0, 0},
      {BPF_RET | BPF_K, 0, 0, 0xffffffff},
  };
  const sock_fprog program{std::size(drop_own), drop_own};
  if (::setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
    return base::FromErrno(errno, "netlink filter");
  }
  if (::setsockopt(fd(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return base::FromErrno(errno, "netlink group");
  }
  return absl::OkStatus();
}

absl::Status NetlinkSocket::ReadWaiting(const std::function<void(const NetlinkMessage&)>& each,
                                        bool& overrun) {
  overrun = false;
  for (;;) {
    const auto datagram = Receive(/*wait=*/false);
    if (datagram.status().code() == absl::StatusCode::kAborted) {
      overrun = true;
      continue;
    }
    if (!datagram.ok()) return datagram.status();
    if (datagram->empty()) return absl::OkStatus();
    std::string_view rest = *datagram;
    while (const auto message = NextMessage(rest)) each(*message);
  }
}

absl::Status NetlinkSocket::DumpOnce(std::string_view request,
                                     const std::function<void(const NetlinkMessage&)>& each,
                                     bool& interrupted) {
  RETURN_IF_ERROR(Send(request));
  uint32_t sequence = 0;
  std::memcpy(&sequence, request.data() + offsetof(nlmsghdr, nlmsg_seq), sizeof sequence);
  for (;;) {
    ASSIGN_OR_RETURN(std::string_view rest, Receive(/*wait=*/true));
    while (const auto message = NextMessage(rest)) {
      if (message->sequence != sequence) continue;  // an answer to something given up earlier
      if ((message->flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (message->type == NLMSG_DONE) return absl::OkStatus();
      if (message->type == NLMSG_ERROR) {
        const NetlinkError error = ParseNetlinkError(*message);
        if (error.error == 0) return absl::OkStatus();
        if (error.error == EINTR || error.error == EAGAIN) {
          interrupted = true;
          return absl::OkStatus();
        }
        return FromKernel(error);
      }
      each(*message);
    }
  }
}

absl::Status NetlinkSocket::Dump(std::string_view request, const std::function<void()>& restart,
                                 const std::function<void(const NetlinkMessage&)>& each) {
  for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
    bool interrupted = false;
    const absl::Status status = DumpOnce(request, each, interrupted);
    if (status.code() == absl::StatusCode::kAborted) {
      interrupted = true;
    } else if (!status.ok()) {
      return status;
    }
    if (!interrupted) return absl::OkStatus();
    restart();
    // What the interrupted dump left behind must not be taken for the next one's.
    std::vector<NetlinkError> ignored;
    bool overrun = false;
    RETURN_IF_ERROR(CollectAnswers(ignored, overrun));
  }
  return base::Unavailable("the dump was interrupted by changes ", kDumpAttempts, " times");
}

absl::Status NetlinkSocket::Call(std::string_view request) {
  RETURN_IF_ERROR(Send(request));
  uint32_t sequence = 0;
  std::memcpy(&sequence, request.data() + offsetof(nlmsghdr, nlmsg_seq), sizeof sequence);
  for (;;) {
    ASSIGN_OR_RETURN(std::string_view rest, Receive(/*wait=*/true));
    while (const auto message = NextMessage(rest)) {
      if (message->sequence != sequence || message->type != NLMSG_ERROR) continue;
      const NetlinkError error = ParseNetlinkError(*message);
      return error.error == 0 ? absl::OkStatus() : FromKernel(error);
    }
  }
}

NetlinkError ParseNetlinkError(const NetlinkMessage& message) {
  NetlinkError out;
  out.sequence = message.sequence;
  nlmsgerr e{};
  if (message.body.size() < sizeof e) {
    out.error = EBADMSG;
    return out;
  }
  std::memcpy(&e, message.body.data(), sizeof e);
  out.error = -e.error;
  if ((message.flags & NLM_F_ACK_TLVS) == 0) return out;
  size_t skip = sizeof e;
  if ((message.flags & NLM_F_CAPPED) == 0 && e.msg.nlmsg_len > sizeof(nlmsghdr)) {
    skip += NLMSG_ALIGN(e.msg.nlmsg_len) - sizeof(nlmsghdr);
  }
  if (skip > message.body.size()) return out;
  std::string_view attributes = message.body.substr(skip);
  while (const auto attribute = NextAttribute(attributes)) {
    if (attribute->type == NLMSGERR_ATTR_MSG) out.message = std::string(attribute->Text());
    if (attribute->type == NLMSGERR_ATTR_OFFS && attribute->value.size() == sizeof out.offset) {
      std::memcpy(&out.offset, attribute->value.data(), sizeof out.offset);
    }
  }
  return out;
}

}  // namespace berth::kernel
