// SPDX-License-Identifier: Apache-2.0
// A small network in namespaces of its own: a node, an outside client, and pods on the node that
// answer TCP and UDP on port 8080 with "<pod> <address of the asker>".
//
//   client 192.168.50.2 --- 192.168.50.1 node 10.244.i.1 --- 10.244.i.2 pod i
//
// or, as the bridge plugin of CNI has it, all pods on one bridge of the node, 10.244.0.1/16.
#ifndef BERTH_TESTS_NETPROXY_KERNEL_TEST_NETWORK_H_
#define BERTH_TESTS_NETPROXY_KERNEL_TEST_NETWORK_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "kernel/fd.h"
#include "kernel/network_namespace.h"

namespace berth::tests {

class TestNetwork {
 public:
  // kPermissionDenied where the process may make no namespaces.
  static absl::StatusOr<std::unique_ptr<TestNetwork>> Make(int pods, bool bridge = false);
  ~TestNetwork();

  const kernel::NetworkNamespace& node() const { return *node_; }
  const kernel::NetworkNamespace& client() const { return *client_; }
  const kernel::NetworkNamespace& pod(int i) const { return *pods_[static_cast<size_t>(i)].netns; }
  static std::string PodIp(int i);
  static constexpr char kNodeIp[] = "192.168.50.1";
  static constexpr char kClientIp[] = "192.168.50.2";

  // What answers there; an error's code tells refused (kUnavailable) from silent
  // (kDeadlineExceeded).
  static absl::StatusOr<std::string> AskTcp(const kernel::NetworkNamespace& from,
                                            std::string_view ip, int port);
  static absl::StatusOr<std::string> AskUdp(const kernel::NetworkNamespace& from,
                                            std::string_view ip, int port);
  // A UDP socket that keeps its source port, so that its questions are one flow.
  class UdpFlow {
   public:
    UdpFlow(const kernel::NetworkNamespace& from, std::string_view ip, int port);
    absl::StatusOr<std::string> Ask(absl::Duration timeout = absl::Seconds(1));

   private:
    kernel::UniqueFd fd_;
  };

 private:
  struct Pod {
    std::unique_ptr<kernel::NetworkNamespace> netns;
    kernel::UniqueFd tcp;
    kernel::UniqueFd udp;
  };
  TestNetwork() = default;
  absl::Status Build(int pods, bool bridge);
  absl::Status AddPod(int i, bool bridge);
  void Serve();

  std::unique_ptr<kernel::NetworkNamespace> node_;
  std::unique_ptr<kernel::NetworkNamespace> client_;
  std::vector<Pod> pods_;
  std::atomic<bool> stop_ = false;
  std::thread server_;
};

// Runs a command in the namespace; its exit code and what it printed.
std::pair<int, std::string> RunIn(const kernel::NetworkNamespace& inside,
                                  const std::string& command);

}  // namespace berth::tests

#endif  // BERTH_TESTS_NETPROXY_KERNEL_TEST_NETWORK_H_
