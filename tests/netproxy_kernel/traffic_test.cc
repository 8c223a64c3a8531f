// SPDX-License-Identifier: Apache-2.0
// Real packets through the real kernel, in namespaces that the test makes.
#include <map>

#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernel/conntrack.h"
#include "kernel/links.h"
#include "netproxy/host_settings.h"
#include "netproxy/kube_proxy_leftovers.h"
#include "netproxy/nft_backend.h"
#include "netproxy/ruleset.h"
#include "tests/netproxy_kernel/test_network.h"

namespace berth::tests {
namespace {

using kernel::IpAddress;
using kernel::IpPrefix;
using netproxy::Endpoint;
using netproxy::Frontend;
using netproxy::Protocol;
using testing::HasSubstr;

constexpr char kVip[] = "10.96.0.1";
constexpr int kPods = 4;

class NetproxyTraffic : public testing::Test {
 protected:
  void SetUp() override { Build(/*bridge=*/false); }
  void Build(bool bridge) {
    auto made = TestNetwork::Make(kPods, bridge);
    if (absl::IsPermissionDenied(made.status())) GTEST_SKIP() << made.status();
    ASSERT_TRUE(made.ok()) << made.status();
    network_ = *std::move(made);
    layout_.cluster_cidrs = {*IpPrefix::Parse("10.244.0.0/16")};
    layout_.service_cidrs = {*IpPrefix::Parse("10.96.0.0/16")};
    layout_.pod_cidrs = {*IpPrefix::Parse("10.244.0.0/16")};
    auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
    const absl::Status loaded = backend_.Replace(layout_, {});
    ASSERT_TRUE(loaded.ok()) << loaded;
  }

  static std::vector<Endpoint> Pods(std::vector<int> pods) {
    std::vector<Endpoint> out;
    for (const int i : pods) out.push_back({*IpAddress::Parse(TestNetwork::PodIp(i)), 8080, true});
    return out;
  }
  static Frontend Service(std::string_view ip, Protocol protocol, std::vector<Endpoint> endpoints) {
    Frontend out;
    out.key = {*IpAddress::Parse(ip), protocol, 80};
    out.endpoints = std::move(endpoints);
    return out;
  }
  void Set(std::string_view service, std::vector<Frontend> frontends) {
    ruleset_.Update(service, std::move(frontends));
    for (const uint32_t seconds : ruleset_.AffinitySeconds()) {
      layout_.affinity_seconds.insert(seconds);
    }
    netproxy::Consequences consequences;
    auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
    const absl::Status applied = backend_.Apply(layout_, ruleset_.TakeChange(consequences));
    ASSERT_TRUE(applied.ok()) << applied;
  }
  // How often each pod answered.
  std::map<std::string, int> Ask(const kernel::NetworkNamespace& from, std::string_view ip,
                                 int port, int times, bool udp = false) {
    std::map<std::string, int> out;
    for (int i = 0; i < times; ++i) {
      const auto answer =
          udp ? TestNetwork::AskUdp(from, ip, port) : TestNetwork::AskTcp(from, ip, port);
      ++out[answer.ok() ? answer->substr(0, answer->find(' ')) : answer.status().ToString()];
    }
    return out;
  }

  std::unique_ptr<TestNetwork> network_;
  netproxy::LayoutOptions layout_;
  netproxy::NftBackend backend_{kernel::NftFamily::kIp4};
  netproxy::Ruleset ruleset_;
};

// The same with the pods on one bridge, where answers between pods never pass the node's routing:
// the kernel must show bridged packets to netfilter.
class NetproxyBridge : public NetproxyTraffic {
 protected:
  void SetUp() override {
    Build(/*bridge=*/true);
    if (IsSkipped()) return;
    auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
    const absl::Status prepared = netproxy::PrepareHost({});
    ASSERT_TRUE(prepared.ok()) << prepared;
  }
};

// 400 draws of 1 in 4 fall outside 60 to 140 once in a million runs.
void ExpectFair(const std::map<std::string, int>& answers) {
  ASSERT_EQ(answers.size(), 4u) << testing::PrintToString(answers);
  for (const auto& [pod, count] : answers) {
    EXPECT_GE(count, 60) << pod;
    EXPECT_LE(count, 140) << pod;
  }
}

TEST_F(NetproxyTraffic, TcpIsSharedAmongFourPods) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0, 1, 2, 3}))});
  ExpectFair(Ask(network_->client(), kVip, 80, 400));
}

TEST_F(NetproxyTraffic, UdpIsSharedAmongFourPods) {
  Set("ns/dns", {Service(kVip, Protocol::kUdp, Pods({0, 1, 2, 3}))});
  ExpectFair(Ask(network_->client(), kVip, 80, 400, /*udp=*/true));
}

TEST_F(NetproxyTraffic, ProcessesOfTheNodeReachServices) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0, 1}))});
  EXPECT_EQ(Ask(network_->node(), kVip, 80, 40).size(), 2u);
}

TEST_F(NetproxyTraffic, OutsidersAreMasqueradedAndPodsAreNot) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0}))});
  EXPECT_EQ(*TestNetwork::AskTcp(network_->client(), kVip, 80), "0 10.244.1.1");
  EXPECT_EQ(*TestNetwork::AskTcp(network_->pod(1), kVip, 80), "0 10.244.2.2");
}

TEST_F(NetproxyTraffic, APodReachesItselfThroughItsService) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0}))});
  EXPECT_EQ(*TestNetwork::AskTcp(network_->pod(0), kVip, 80), "0 10.244.1.1");
}

TEST_F(NetproxyTraffic, WithoutEndpointsConnectionsAreRefused) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, {})});
  for (int i = 0; i < 20; ++i) {
    for (const auto* from : {&network_->client(), &network_->pod(0), &network_->node()}) {
      const auto answer = TestNetwork::AskTcp(*from, kVip, 80);
      ASSERT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();
    }
  }
  Set("ns/dns", {Service("10.96.0.2", Protocol::kUdp, {})});
  const auto answer = TestNetwork::AskUdp(network_->pod(0), "10.96.0.2", 80);
  EXPECT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();
}

TEST_F(NetproxyTraffic, AWrongPortOfAServiceIsRefused) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0}))});
  const auto answer = TestNetwork::AskTcp(network_->pod(0), kVip, 81);
  EXPECT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();
}

TEST_F(NetproxyTraffic, ANodePortAnswersOutsidersFromTheNodesAddress) {
  Frontend node_port = Service(TestNetwork::kNodeIp, Protocol::kTcp, Pods({0}));
  node_port.key.port = 30080;
  node_port.external = true;
  Set("ns/web", {node_port});
  EXPECT_EQ(*TestNetwork::AskTcp(network_->client(), TestNetwork::kNodeIp, 30080), "0 10.244.1.1");
  EXPECT_TRUE(TestNetwork::AskTcp(network_->node(), TestNetwork::kNodeIp, 30080).ok());
}

TEST_F(NetproxyTraffic, ALocalNodePortKeepsTheClientsAddress) {
  Frontend node_port = Service(TestNetwork::kNodeIp, Protocol::kTcp, Pods({0, 1, 2}));
  node_port.key.port = 30080;
  node_port.external = true;
  node_port.local_policy = true;
  node_port.local_endpoints = Pods({1, 2});
  Set("ns/web", {node_port});
  for (int i = 0; i < 20; ++i) {
    const auto answer = TestNetwork::AskTcp(network_->client(), TestNetwork::kNodeIp, 30080);
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_THAT(*answer, testing::AnyOf("1 192.168.50.2", "2 192.168.50.2"));
  }
  // Pods and the node itself are not bound to local endpoints.
  EXPECT_EQ(Ask(network_->pod(3), TestNetwork::kNodeIp, 30080, 60).size(), 3u);
  EXPECT_EQ(Ask(network_->node(), TestNetwork::kNodeIp, 30080, 60).size(), 3u);

  node_port.local_endpoints.clear();
  Set("ns/web", {node_port});
  const auto answer = TestNetwork::AskTcp(network_->client(), TestNetwork::kNodeIp, 30080);
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer.status())) << answer.status();
  EXPECT_TRUE(TestNetwork::AskTcp(network_->node(), TestNetwork::kNodeIp, 30080).ok());
}

TEST_F(NetproxyTraffic, AffinityKeepsAClientAtItsPodUntilThatGoes) {
  Frontend sticky = Service(kVip, Protocol::kTcp, Pods({0, 1, 2, 3}));
  sticky.affinity_seconds = 60;
  Set("ns/web", {sticky});
  const auto answers = Ask(network_->client(), kVip, 80, 50);
  ASSERT_EQ(answers.size(), 1u) << testing::PrintToString(answers);
  const std::string first = answers.begin()->first;

  std::vector<int> others;
  for (int i = 0; i < kPods; ++i) {
    if (base::StrCat(i) != first) others.push_back(i);
  }
  sticky.endpoints = Pods(others);
  Set("ns/web", {sticky});
  {
    auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
    const absl::Status forgot =
        backend_.ForgetClients(60, [&](const netproxy::RememberedClient& client) {
          EXPECT_EQ(client.frontend, sticky.key);
          EXPECT_EQ(client.client.ToString(), TestNetwork::kClientIp);
          return netproxy::StillLeads(*ruleset_.Find(client.frontend), client,
                                      layout_.cluster_cidrs, {});
        });
    ASSERT_TRUE(forgot.ok()) << forgot;
  }
  const auto later = Ask(network_->client(), kVip, 80, 50);
  ASSERT_EQ(later.size(), 1u) << testing::PrintToString(later);
  EXPECT_NE(later.begin()->first, first);
}

TEST_F(NetproxyTraffic, NewFlowsLeaveARemovedEndpoint) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0, 1, 2, 3}))});
  Ask(network_->client(), kVip, 80, 20);
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0, 2, 3}))});
  const auto answers = Ask(network_->client(), kVip, 80, 100);
  EXPECT_EQ(answers.size(), 3u) << testing::PrintToString(answers);
  EXPECT_FALSE(answers.contains("1"));
}

TEST_F(NetproxyTraffic, AStaleUdpFlowMovesOnceItIsForgotten) {
  Set("ns/dns", {Service(kVip, Protocol::kUdp, Pods({0}))});
  TestNetwork::UdpFlow flow(network_->client(), kVip, 80);
  EXPECT_THAT(*flow.Ask(), HasSubstr("0 "));
  Set("ns/dns", {Service(kVip, Protocol::kUdp, Pods({1}))});
  EXPECT_THAT(*flow.Ask(), HasSubstr("0 ")) << "a tracked flow stays where it is";
  auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
  const auto deleted = kernel::DeleteFlows(17, false, [](const kernel::TrackedFlow& f) {
    return f.destination.ToString() == kVip && f.destination_port == 80 &&
           f.reply_source.ToString() == TestNetwork::PodIp(0) && f.reply_source_port == 8080;
  });
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_EQ(*deleted, 1);
  EXPECT_THAT(*flow.Ask(), HasSubstr("1 "));
}

TEST_F(NetproxyTraffic, SourceRangesShutOthersOut) {
  Frontend balancer = Service("203.0.113.9", Protocol::kTcp, Pods({0}));
  balancer.external = true;
  balancer.restricted = true;
  balancer.source_ranges = {*IpPrefix::Parse("192.168.50.0/24")};
  Set("ns/web", {balancer});
  EXPECT_TRUE(TestNetwork::AskTcp(network_->client(), "203.0.113.9", 80).ok());
  balancer.source_ranges = {*IpPrefix::Parse("172.16.0.0/12")};
  Set("ns/web", {balancer});
  const auto answer = TestNetwork::AskTcp(network_->client(), "203.0.113.9", 80);
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer.status())) << answer.status();
}

TEST_F(NetproxyTraffic, PodsLeaveTheClusterWithTheNodesAddress) {
  // A server outside, reached directly: the same answering socket, in the client's place.
  const auto [code, text] = RunIn(network_->node(), "nft list ruleset");
  ASSERT_EQ(code, 0);
  auto inside = kernel::EnterNetworkNamespace::Enter(network_->client());
  ASSERT_TRUE(kernel::AddAddress("eth0", *IpAddress::Parse("198.51.100.7"), 32).ok());
  const auto answer = TestNetwork::AskUdp(network_->pod(0), "198.51.100.7", 9);
  EXPECT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();  // refused: it got there
  const auto flows = RunIn(network_->node(), "conntrack -L -p udp --orig-dst 198.51.100.7");
  EXPECT_THAT(flows.second, HasSubstr("dst=192.168.50.1"));
}

TEST_F(NetproxyTraffic, NftListsTheTableAndReadsTheListBack) {
  Frontend balancer = Service("203.0.113.9", Protocol::kUdp, Pods({0, 1}));
  balancer.external = true;
  balancer.local_policy = true;
  balancer.local_endpoints = Pods({0, 1});
  balancer.restricted = true;
  balancer.source_ranges = {*IpPrefix::Parse("192.168.50.0/24"), *IpPrefix::Parse("10.0.0.0/8")};
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0, 1, 2})), balancer,
                 Service("10.96.0.3", Protocol::kSctp, {})});
  const auto [code, text] = RunIn(network_->node(), "nft list ruleset");
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, HasSubstr("10.96.0.1 . tcp . 80 . 2 : 10.244.3.2 . 8080"));
  const auto [again, complaint] =
      RunIn(network_->client(), "nft -c -f - 2>&1 <<'EOF'\n" + text + "\nEOF\nexit $?");
  EXPECT_EQ(again, 0) << complaint.substr(0, 2000);
}

// nft 1.0.6 prints `ct original proto-dst` in a concatenation but does not read it back.
TEST_F(NetproxyTraffic, NftListsTheTableWithAffinity) {
  Frontend sticky = Service(kVip, Protocol::kTcp, Pods({0, 1, 2}));
  sticky.affinity_seconds = 10'800;
  Set("ns/web", {sticky});
  ASSERT_TRUE(TestNetwork::AskTcp(network_->client(), kVip, 80).ok());
  const auto [code, text] = RunIn(network_->node(), "nft list ruleset");
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, HasSubstr("10.96.0.1 . tcp . 80 . 192.168.50.2"));
}

TEST_F(NetproxyTraffic, RulesGiveWayToNewOnesWhileServicesStay) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0, 1}))});
  layout_.pod_cidrs = {*IpPrefix::Parse("10.244.0.0/17")};
  Frontend sticky = Service("10.96.0.2", Protocol::kTcp, Pods({2}));
  sticky.affinity_seconds = 30;
  Set("ns/sticky", {sticky});
  const auto [code, text] = RunIn(network_->node(), "nft list ruleset");
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, HasSubstr("10.244.0.0/17"));
  EXPECT_EQ(text.find("chain layout-"), text.rfind("chain layout-"));
  EXPECT_EQ(Ask(network_->client(), kVip, 80, 40).size(), 2u);
  EXPECT_TRUE(TestNetwork::AskTcp(network_->client(), "10.96.0.2", 80).ok());
}

TEST_F(NetproxyTraffic, ANewProcessReadsWhatTheOldOneLeft) {
  Frontend sticky = Service(kVip, Protocol::kTcp, Pods({0, 1, 2}));
  sticky.affinity_seconds = 77;
  sticky.restricted = true;
  sticky.source_ranges = {*IpPrefix::Parse("192.168.50.0/24"), *IpPrefix::Parse("10.0.0.0/8")};
  Set("ns/web", {sticky});
  auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
  netproxy::NftBackend second(kernel::NftFamily::kIp4);
  netproxy::LayoutOptions wanted = layout_;
  wanted.affinity_seconds.clear();
  auto loaded = second.Load(wanted);
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  ASSERT_TRUE(loaded->has_value());
  std::sort((*loaded)->begin(), (*loaded)->end());
  EXPECT_EQ(**loaded, ruleset_.All());
  EXPECT_TRUE(wanted.affinity_seconds.contains(77));

  netproxy::LayoutOptions other = layout_;
  other.cluster_cidrs = {*IpPrefix::Parse("10.0.0.0/8")};
  EXPECT_FALSE(second.Load(other)->has_value());
  EXPECT_TRUE(second.Cleanup().ok());
  EXPECT_TRUE(second.Cleanup().ok());
  EXPECT_EQ(RunIn(network_->node(), "nft list ruleset").second, "");
}

TEST_F(NetproxyTraffic, AKubeProxysTableIsTakenOverInOneTransaction) {
  const std::string table =
      "table ip kube-proxy { chain nat-prerouting { type nat hook prerouting priority dstnat; "
      "ip daddr 10.96.0.1 tcp dport 80 dnat to 10.244.1.2:8080; }; }";
  ASSERT_EQ(RunIn(network_->node(), base::StrCat("nft '", table, "'")).first, 0);
  ruleset_.Update("ns/web", {Service(kVip, Protocol::kTcp, Pods({1}))});
  auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
  auto present = backend_.Load(layout_);
  ASSERT_TRUE(present.ok()) << present.status();
  EXPECT_FALSE(present->has_value());
  ASSERT_TRUE(backend_.Replace(layout_, ruleset_.All()).ok());
  const std::string listed = RunIn(network_->node(), "nft list ruleset").second;
  EXPECT_THAT(listed, testing::Not(HasSubstr("kube-proxy")));
  EXPECT_EQ(Ask(network_->client(), kVip, 80, 10).count("1"), 1u);
  present = backend_.Load(layout_);
  ASSERT_TRUE(present.ok() && present->has_value()) << present.status();
}

TEST_F(NetproxyTraffic, AKubeProxysChainsOfIptablesAreRemoved) {
  const auto run = [&](std::string_view command) {
    const auto [code, text] = RunIn(network_->node(), base::StrCat(command, " 2>&1"));
    EXPECT_EQ(code, 0) << command << ": " << text;
    return text;
  };
  for (const char* command :
       {"iptables -t nat -N KUBE-SERVICES", "iptables -t nat -N KUBE-SVC-ABC",
        "iptables -t nat -N MINE", "iptables -t nat -A PREROUTING -j KUBE-SERVICES",
        "iptables -t nat -A KUBE-SERVICES -d 10.96.0.1 -p tcp -j KUBE-SVC-ABC",
        "iptables -t nat -A KUBE-SVC-ABC -p tcp -j DNAT --to-destination 10.244.2.2:8080",
        "iptables -t nat -A PREROUTING -s 192.0.2.1 -j MINE", "iptables -N KUBE-FIREWALL",
        "iptables -N KUBE-FORWARD", "iptables -A FORWARD -j KUBE-FORWARD"}) {
    run(command);
  }
  auto inside = kernel::EnterNetworkNamespace::Enter(network_->node());
  absl::Status removed = netproxy::RemoveKubeProxyChains();
  ASSERT_TRUE(removed.ok()) << removed;
  const std::string left = run("iptables-save");
  EXPECT_THAT(left, testing::Not(HasSubstr("KUBE-SERVICES")));
  EXPECT_THAT(left, testing::Not(HasSubstr("KUBE-SVC")));
  EXPECT_THAT(left, testing::Not(HasSubstr("KUBE-FORWARD")));
  EXPECT_THAT(left, HasSubstr("-A PREROUTING -s 192.0.2.1/32 -j MINE"));
  EXPECT_THAT(left, HasSubstr("KUBE-FIREWALL"));
  removed = netproxy::RemoveKubeProxyChains();
  EXPECT_TRUE(removed.ok()) << removed;
}

TEST_F(NetproxyBridge, PodsOfOneBridgeReachEachOtherThroughAService) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0, 1, 2, 3}))});
  ExpectFair(Ask(network_->client(), kVip, 80, 400));
  ExpectFair(Ask(network_->pod(0), kVip, 80, 400));
}

TEST_F(NetproxyBridge, APodReachesItselfThroughItsService) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, Pods({0}))});
  const auto answer = TestNetwork::AskTcp(network_->pod(0), kVip, 80);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_EQ(*answer, "0 10.244.0.1");
}

TEST_F(NetproxyBridge, WithoutEndpointsPodsAreRefused) {
  Set("ns/web", {Service(kVip, Protocol::kTcp, {})});
  const auto answer = TestNetwork::AskTcp(network_->pod(0), kVip, 80);
  EXPECT_TRUE(absl::IsUnavailable(answer.status())) << answer.status();
}

TEST(NetproxyIp6, TheTableLoadsChangesAndLists) {
  auto made = kernel::NetworkNamespace::Create();
  if (absl::IsPermissionDenied(made.status())) GTEST_SKIP() << made.status();
  auto inside = kernel::EnterNetworkNamespace::Enter(*made);
  netproxy::NftBackend backend(kernel::NftFamily::kIp6);
  netproxy::LayoutOptions layout;
  layout.family = kernel::NftFamily::kIp6;
  layout.cluster_cidrs = {*IpPrefix::Parse("fd00:10:244::/56")};
  layout.pod_cidrs = {*IpPrefix::Parse("fd00:10:244::/64")};
  layout.service_cidrs = {*IpPrefix::Parse("fd00:10:96::/112")};
  absl::Status status = backend.Replace(layout, {});
  ASSERT_TRUE(status.ok()) << status;
  netproxy::Ruleset ruleset;
  Frontend web;
  web.key = {*IpAddress::Parse("fd00:10:96::1"), Protocol::kTcp, 80};
  web.affinity_seconds = 60;
  web.restricted = true;
  web.source_ranges = {*IpPrefix::Parse("fd00:1::/32")};
  for (int i = 1; i <= 20; ++i) {
    web.endpoints.push_back({*IpAddress::Parse(base::StrCat("fd00:10:244::", i)), 8080, true});
  }
  ruleset.Update("ns/web", {web});
  layout.affinity_seconds = {60};
  netproxy::Consequences consequences;
  status = backend.Apply(layout, ruleset.TakeChange(consequences));
  ASSERT_TRUE(status.ok()) << status;
  const auto [code, text] = RunIn(*made, "nft list ruleset");
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, HasSubstr("fd00:10:96::1 . tcp . 80 . 0 : fd00:10:244::1 . 8080"));
  auto loaded = backend.Load(layout);
  ASSERT_TRUE(loaded.ok() && loaded->has_value()) << loaded.status();
  std::sort((*loaded)->begin(), (*loaded)->end());
  EXPECT_EQ(**loaded, ruleset.All());
}

}  // namespace
}  // namespace berth::tests
