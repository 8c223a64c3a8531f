// SPDX-License-Identifier: Apache-2.0
#include "netproxy/pod_routes.h"

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernel/links.h"
#include "kernel/network_namespace.h"

namespace berth::netproxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::shared_ptr<const api::core::v1::Node> Node(std::string name, std::string cidr,
                                                std::string ip) {
  auto out = std::make_shared<api::core::v1::Node>();
  out->mutable_metadata()->set_name(name);
  if (!cidr.empty()) out->mutable_spec()->set_pod_cidr(cidr);
  auto& address = *out->mutable_status()->add_addresses();
  address.set_type("InternalIP");
  address.set_address(ip);
  return out;
}

std::vector<std::string> Texts(const std::vector<kernel::Route>& routes) {
  std::vector<std::string> out;
  for (const auto& route : routes) out.push_back(route.ToString());
  return out;
}

TEST(DesiredPodRoutes, LeadToTheOtherNodesThatHaveAPodCidr) {
  const NodeList nodes = {Node("a", "10.244.0.0/24", "192.168.50.1"),
                          Node("b", "10.244.1.0/24", "192.168.50.2"), Node("c", "", "192.168.50.3"),
                          Node("d", "fd00::/64", "192.168.50.4")};
  EXPECT_THAT(Texts(DesiredPodRoutes(nodes, "a")), ElementsAre("10.244.1.0/24 via 192.168.50.2"));
}

TEST(DifferenceOfRoutes, SetsWhatMovedAndRemovesWhatIsGone) {
  const NodeList before = {Node("b", "10.244.1.0/24", "192.168.50.2"),
                           Node("c", "10.244.2.0/24", "192.168.50.3"),
                           Node("d", "10.244.3.0/24", "192.168.50.4")};
  const NodeList after = {Node("b", "10.244.1.0/24", "192.168.50.9"),
                          Node("c", "10.244.2.0/24", "192.168.50.3")};
  const RouteChange change =
      DifferenceOfRoutes(DesiredPodRoutes(before, "a"), DesiredPodRoutes(after, "a"));
  EXPECT_THAT(Texts(change.set), ElementsAre("10.244.1.0/24 via 192.168.50.9"));
  EXPECT_THAT(Texts(change.remove), ElementsAre("10.244.3.0/24 via 192.168.50.4"));
}

TEST(ApplyPodRoutes, TouchesOnlyItsOwnRoutesInTheKernel) {
  auto made = kernel::NetworkNamespace::Create();
  if (absl::IsPermissionDenied(made.status())) GTEST_SKIP() << made.status();
  auto other = kernel::NetworkNamespace::Create();
  auto inside = kernel::EnterNetworkNamespace::Enter(*made);
  ASSERT_TRUE(kernel::AddVethPair("eth0", "eth0", *other).ok());
  ASSERT_TRUE(kernel::AddAddress("eth0", *kernel::IpAddress::Parse("192.168.50.1"), 24).ok());
  ASSERT_TRUE(kernel::SetLinkUp("eth0").ok());
  const kernel::Route foreign{.destination = *kernel::IpPrefix::Parse("10.9.0.0/16"),
                              .gateway = *kernel::IpAddress::Parse("192.168.50.7"),
                              .protocol = 4};
  ASSERT_TRUE(kernel::SetRoute(foreign).ok());
  const kernel::Route gateway{.destination = *kernel::IpPrefix::Parse("0.0.0.0/0"),
                              .gateway = *kernel::IpAddress::Parse("192.168.50.7"),
                              .protocol = 4};
  ASSERT_TRUE(kernel::SetRoute(gateway).ok());
  EXPECT_EQ(kernel::DefaultRouteAddress(false)->ToString(), "192.168.50.1");

  NodeList nodes = {Node("b", "10.244.1.0/24", "192.168.50.2"),
                    Node("c", "10.244.2.0/24", "192.168.50.3")};
  for (int i = 0; i < 2; ++i) {
    const absl::Status applied = ApplyPodRoutes(nodes, "a");
    ASSERT_TRUE(applied.ok()) << applied;
    EXPECT_EQ(kernel::ListRoutes(kernel::kBerthRouteProtocol)->size(), 2u);
  }
  nodes = {Node("b", "10.244.1.0/24", "192.168.50.4")};
  ASSERT_TRUE(ApplyPodRoutes(nodes, "a").ok());
  EXPECT_THAT(Texts(*kernel::ListRoutes(kernel::kBerthRouteProtocol)),
              ElementsAre("10.244.1.0/24 via 192.168.50.4"));
  ASSERT_TRUE(CleanupPodRoutes().ok());
  EXPECT_THAT(*kernel::ListRoutes(kernel::kBerthRouteProtocol), IsEmpty());
  EXPECT_EQ(kernel::ListRoutes(4)->size(), 2u);
}

}  // namespace
}  // namespace berth::netproxy
