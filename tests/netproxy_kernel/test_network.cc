// SPDX-License-Identifier: Apache-2.0
#include "tests/netproxy_kernel/test_network.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "kernel/links.h"
#include "kernel/routes.h"

namespace berth::tests {
namespace {

using kernel::EnterNetworkNamespace;
using kernel::IpAddress;
using kernel::IpPrefix;
using kernel::NetworkNamespace;
using kernel::UniqueFd;

constexpr int kPort = 8080;
constexpr int kAskTimeoutMs = 2000;

sockaddr_in SocketAddress(std::string_view ip, int port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_port = htons(static_cast<uint16_t>(port));
  ::inet_pton(AF_INET, std::string(ip).c_str(), &out.sin_addr);
  return out;
}

absl::StatusOr<UniqueFd> Bound(int type) {
  UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const sockaddr_in any = SocketAddress("0.0.0.0", kPort);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof any) != 0) {
    return base::FromErrno(errno, "bind");
  }
  if (type == SOCK_STREAM && ::listen(fd.get(), 512) != 0) return base::FromErrno(errno, "listen");
  return fd;
}

absl::Status DefaultVia(std::string_view gateway) {
  return kernel::SetRoute(
      {.destination = *IpPrefix::Parse("0.0.0.0/0"), .gateway = *IpAddress::Parse(gateway)});
}

absl::StatusOr<std::string> Receive(int fd, absl::Duration timeout) {
  pollfd p{fd, POLLIN, 0};
  if (::poll(&p, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) <= 0) {
    return absl::DeadlineExceededError("no answer");
  }
  char text[128];
  const ssize_t n = ::recv(fd, text, sizeof text, 0);
  if (n < 0) {
    if (errno == ECONNREFUSED) return base::Unavailable("refused");
    return base::FromErrno(errno, "recv");
  }
  return std::string(text, static_cast<size_t>(n));
}

std::string Answer(size_t pod, const sockaddr_in& asker) {
  char ip[INET_ADDRSTRLEN];
  ::inet_ntop(AF_INET, &asker.sin_addr, ip, sizeof ip);
  return base::StrCat(pod, " ", std::string_view(ip));
}

}  // namespace

std::string TestNetwork::PodIp(int i) { return base::StrCat("10.244.", i + 1, ".2"); }

absl::StatusOr<std::unique_ptr<TestNetwork>> TestNetwork::Make(int pods, bool bridge) {
  std::unique_ptr<TestNetwork> out(new TestNetwork);
  RETURN_IF_ERROR(out->Build(pods, bridge));
  out->server_ = std::thread([raw = out.get()] { raw->Serve(); });
  return out;
}

absl::Status TestNetwork::Build(int pods, bool bridge) {
  ASSIGN_OR_RETURN(auto node, NetworkNamespace::Create());
  ASSIGN_OR_RETURN(auto client, NetworkNamespace::Create());
  node_ = std::make_unique<NetworkNamespace>(std::move(node));
  client_ = std::make_unique<NetworkNamespace>(std::move(client));
  {
    ASSIGN_OR_RETURN(auto inside, EnterNetworkNamespace::Enter(*node_));
    RETURN_IF_ERROR(kernel::SetLinkUp("lo"));
    RETURN_IF_ERROR(kernel::AddVethPair("eth0", "eth0", *client_));
    RETURN_IF_ERROR(kernel::AddAddress("eth0", *IpAddress::Parse(kNodeIp), 24));
    RETURN_IF_ERROR(kernel::SetLinkUp("eth0"));
    FILE* forward = std::fopen("/proc/sys/net/ipv4/ip_forward", "w");
    if (forward == nullptr) return base::FromErrno(errno, "ip_forward");
    std::fputs("1", forward);
    std::fclose(forward);
  }
  {
    ASSIGN_OR_RETURN(auto inside, EnterNetworkNamespace::Enter(*client_));
    RETURN_IF_ERROR(kernel::AddAddress("eth0", *IpAddress::Parse(kClientIp), 24));
    RETURN_IF_ERROR(kernel::SetLinkUp("eth0"));
    RETURN_IF_ERROR(DefaultVia(kNodeIp));
  }
  {
    // As a real node, so that service addresses have somewhere to be routed.
    ASSIGN_OR_RETURN(auto inside, EnterNetworkNamespace::Enter(*node_));
    RETURN_IF_ERROR(DefaultVia(kClientIp));
  }
  if (bridge) {
    const auto [code, text] = RunIn(*node_, "ip link add br0 type bridge");
    if (code != 0) return base::Unavailable("making a bridge: ", text);
    ASSIGN_OR_RETURN(auto inside, EnterNetworkNamespace::Enter(*node_));
    RETURN_IF_ERROR(kernel::AddAddress("br0", *IpAddress::Parse("10.244.0.1"), 16));
    RETURN_IF_ERROR(kernel::SetLinkUp("br0"));
  }
  for (int i = 0; i < pods; ++i) RETURN_IF_ERROR(AddPod(i, bridge));
  return absl::OkStatus();
}

absl::Status TestNetwork::AddPod(int i, bool bridge) {
  ASSIGN_OR_RETURN(auto made, NetworkNamespace::Create());
  Pod pod;
  pod.netns = std::make_unique<NetworkNamespace>(std::move(made));
  const std::string link = base::StrCat("pod", i);
  const std::string gateway = bridge ? "10.244.0.1" : base::StrCat("10.244.", i + 1, ".1");
  {
    ASSIGN_OR_RETURN(auto inside, EnterNetworkNamespace::Enter(*node_));
    RETURN_IF_ERROR(kernel::AddVethPair(link, "eth0", *pod.netns));
    if (!bridge) RETURN_IF_ERROR(kernel::AddAddress(link, *IpAddress::Parse(gateway), 24));
    RETURN_IF_ERROR(kernel::SetLinkUp(link));
  }
  if (bridge) {
    const auto [code, text] =
        RunIn(*node_, base::StrCat("ip link set ", link, " master br0 && ip link set ", link,
                                   " type bridge_slave hairpin on"));
    if (code != 0) return base::Unavailable("joining a bridge: ", text);
  }
  ASSIGN_OR_RETURN(auto inside, EnterNetworkNamespace::Enter(*pod.netns));
  RETURN_IF_ERROR(kernel::SetLinkUp("lo"));
  RETURN_IF_ERROR(kernel::AddAddress("eth0", *IpAddress::Parse(PodIp(i)), bridge ? 16 : 24));
  RETURN_IF_ERROR(kernel::SetLinkUp("eth0"));
  RETURN_IF_ERROR(DefaultVia(gateway));
  ASSIGN_OR_RETURN(pod.tcp, Bound(SOCK_STREAM));
  ASSIGN_OR_RETURN(pod.udp, Bound(SOCK_DGRAM));
  pods_.push_back(std::move(pod));
  return absl::OkStatus();
}

TestNetwork::~TestNetwork() {
  stop_ = true;
  if (server_.joinable()) server_.join();
}

void TestNetwork::Serve() {
  std::vector<pollfd> fds;
  for (const Pod& pod : pods_) {
    fds.push_back({pod.tcp.get(), POLLIN, 0});
    fds.push_back({pod.udp.get(), POLLIN, 0});
  }
  while (!stop_) {
    if (::poll(fds.data(), fds.size(), 50) <= 0) continue;
    for (size_t i = 0; i < fds.size(); ++i) {
      if ((fds[i].revents & POLLIN) == 0) continue;
      sockaddr_in asker{};
      socklen_t length = sizeof asker;
      auto* address = reinterpret_cast<sockaddr*>(&asker);
      if (i % 2 == 0) {
        const UniqueFd connection(::accept4(fds[i].fd, address, &length, SOCK_CLOEXEC));
        const std::string answer = Answer(i / 2, asker);
        (void)::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
      } else {
        char question[16];
        (void)::recvfrom(fds[i].fd, question, sizeof question, 0, address, &length);
        const std::string answer = Answer(i / 2, asker);
        (void)::sendto(fds[i].fd, answer.data(), answer.size(), 0, address, length);
      }
    }
  }
}

absl::StatusOr<std::string> TestNetwork::AskTcp(const NetworkNamespace& from, std::string_view ip,
                                                int port) {
  ASSIGN_OR_RETURN(auto inside, EnterNetworkNamespace::Enter(from));
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in to = SocketAddress(ip, port);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
      errno != EINPROGRESS) {
    return errno == ECONNREFUSED ? base::Unavailable("refused") : base::FromErrno(errno, "connect");
  }
  pollfd p{fd.get(), POLLOUT, 0};
  if (::poll(&p, 1, kAskTimeoutMs) <= 0) return absl::DeadlineExceededError("no connection");
  int error = 0;
  socklen_t length = sizeof error;
  (void)::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &length);
  if (error == ECONNREFUSED) return base::Unavailable("refused");
  if (error != 0) return base::FromErrno(error, "connect");
  return Receive(fd.get(), absl::Milliseconds(kAskTimeoutMs));
}

absl::StatusOr<std::string> TestNetwork::AskUdp(const NetworkNamespace& from, std::string_view ip,
                                                int port) {
  return UdpFlow(from, ip, port).Ask();
}

TestNetwork::UdpFlow::UdpFlow(const NetworkNamespace& from, std::string_view ip, int port) {
  const auto inside = EnterNetworkNamespace::Enter(from);
  fd_ = UniqueFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const sockaddr_in to = SocketAddress(ip, port);
  (void)::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
}

absl::StatusOr<std::string> TestNetwork::UdpFlow::Ask(absl::Duration timeout) {
  if (::send(fd_.get(), "?", 1, 0) != 1) {
    return errno == ECONNREFUSED ? base::Unavailable("refused") : base::FromErrno(errno, "send");
  }
  return Receive(fd_.get(), timeout);
}

std::pair<int, std::string> RunIn(const NetworkNamespace& inside, const std::string& command) {
  const auto entered = EnterNetworkNamespace::Enter(inside);
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "re");
  if (pipe == nullptr) return {-1, "popen"};
  std::string out;
  char chunk[4096];
  while (const size_t n = std::fread(chunk, 1, sizeof chunk, pipe)) out.append(chunk, n);
  const int status = ::pclose(pipe);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out};
}

}  // namespace berth::tests
