// SPDX-License-Identifier: Apache-2.0
// One netlink socket (libnl owns it). Requests are sent and answered on the calling thread; the
// kernel works within the send. Used by the nf_tables, conntrack and route code. Single-threaded.
//
// A socket belongs to the network namespace that the thread was in when it was opened.
#ifndef BERTH_KERNEL_NETLINK_H_
#define BERTH_KERNEL_NETLINK_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernel/netlink_message.h"

struct nl_sock;

namespace berth::kernel {

// What the kernel said about one message of ours.
struct NetlinkError {
  uint32_t sequence = 0;
  int error = 0;        // errno; 0 is an acknowledgement
  std::string message;  // the kernel's own words, often empty
  uint32_t offset = 0;  // of the attribute that is to blame, from the message's start; 0: not said
};

class NetlinkSocket {
 public:
  // `protocol` is NETLINK_ROUTE, NETLINK_NETFILTER.
  static absl::StatusOr<NetlinkSocket> Open(int protocol);
  NetlinkSocket(NetlinkSocket&&) noexcept;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept;
  ~NetlinkSocket();

  uint32_t NextSequence() { return ++sequence_; }
  // Sends messages in one datagram, raising the send buffer when they need it.
  absl::Status Send(std::string_view bytes);
  // What the kernel has answered by now, in order, without waiting: errors and acknowledgements
  // only. `overrun` says that some answers were lost for lack of buffer (ENOBUFS).
  absl::Status CollectAnswers(std::vector<NetlinkError>& answers, bool& overrun);
  // Sends a dump request and hands out every message of the answer. Repeats the whole dump when it
  // was interrupted by a change (`restart` tells the caller to forget what it has), a few times at
  // most; then kUnavailable.
  absl::Status Dump(std::string_view request, const std::function<void()>& restart,
                    const std::function<void(const NetlinkMessage&)>& each);
  // Sends one request that asks for an acknowledgement and waits for it.
  absl::Status Call(std::string_view request);

  // This socket's address, as notifications name the sender of what they tell of.
  uint32_t port() const;
  // Notifications of `group` come from now on, but for those of what `except_port` sent: these the
  // kernel does not even queue.
  absl::Status Subscribe(int group, uint32_t except_port);
  // Hands out what has come by now, without waiting. `overrun` says that some of it was lost for
  // lack of buffer.
  absl::Status ReadWaiting(const std::function<void(const NetlinkMessage&)>& each, bool& overrun);

  nl_sock* libnl() const { return socket_.get(); }

 private:
  struct Free {
    void operator()(nl_sock* socket) const;
  };
  explicit NetlinkSocket(nl_sock* socket) : socket_(socket) {}
  int fd() const;
  // One datagram; empty when there is none and `wait` is false. kAborted on ENOBUFS.
  absl::StatusOr<std::string_view> Receive(bool wait);
  absl::Status DumpOnce(std::string_view request,
                        const std::function<void(const NetlinkMessage&)>& each, bool& interrupted);

  std::unique_ptr<nl_sock, Free> socket_;
  std::string buffer_;
  uint32_t sequence_ = 0;
  size_t send_buffer_ = 0;
};

// Reads an NLMSG_ERROR.
NetlinkError ParseNetlinkError(const NetlinkMessage& message);

}  // namespace berth::kernel

#endif  // BERTH_KERNEL_NETLINK_H_
