// SPDX-License-Identifier: Apache-2.0
#include "netproxy/service_frontends.h"

#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::netproxy {
namespace {

using api::core::v1::Service;
using api::discovery::v1::EndpointSlice;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Service Web() {
  Service out;
  out.mutable_metadata()->set_namespace_("ns");
  out.mutable_metadata()->set_name("web");
  auto& spec = *out.mutable_spec();
  spec.set_type("ClusterIP");
  spec.set_cluster_ip("10.96.0.1");
  spec.add_cluster_ips("10.96.0.1");
  auto& port = *spec.add_ports();
  port.set_name("http");
  port.set_protocol("TCP");
  port.set_port(80);
  return out;
}

struct Slice {
  Slice() {
    object.set_address_type("IPv4");
    auto& port = *object.add_ports();
    port.set_name("http");
    port.set_protocol("TCP");
    port.set_port(8080);
  }
  api::discovery::v1::Endpoint& Add(int last, std::string_view node = "other") {
    auto& endpoint = *object.add_endpoints();
    endpoint.add_addresses(base::StrCat("10.244.0.", last));
    endpoint.set_node_name(std::string(node));
    endpoint.mutable_conditions()->set_ready(true);
    return endpoint;
  }
  void AddTerminating(int last, std::string_view node = "other") {
    auto& conditions = *Add(last, node).mutable_conditions();
    conditions.set_ready(false);
    conditions.set_serving(true);
    conditions.set_terminating(true);
  }
  operator Slices() const { return {std::make_shared<EndpointSlice>(object)}; }
  EndpointSlice object;
};

const NodeContext kNode{"me", "zone-a", {*IpAddress::Parse("192.168.50.1")}};

std::vector<std::string> Ips(const std::vector<Endpoint>& endpoints) {
  std::vector<std::string> out;
  for (const Endpoint& e : endpoints) out.push_back(e.ip.ToString());
  return out;
}
std::vector<Frontend> Build(const Service& service, const Slices& slices) {
  return BuildFrontends(service, slices, kNode, false);
}

TEST(BuildFrontends, AClusterIpLeadsToTheReadyEndpoints) {
  Slice slice;
  slice.Add(2, "me");
  slice.Add(3);
  slice.Add(4).mutable_conditions()->set_ready(false);
  const auto frontends = Build(Web(), slice);
  ASSERT_THAT(frontends, SizeIs(1));
  EXPECT_EQ(frontends[0].key.ToString(), "10.96.0.1:80/TCP");
  EXPECT_THAT(Ips(frontends[0].endpoints), ElementsAre("10.244.0.2", "10.244.0.3"));
  EXPECT_TRUE(frontends[0].endpoints[0].local);
  EXPECT_FALSE(frontends[0].endpoints[1].local);
}

TEST(BuildFrontends, SlicesOfAServiceAreOneAndDoublesCountOnce) {
  Slice one, two;
  one.Add(2).mutable_conditions()->set_ready(false);
  two.Add(2);
  two.Add(3);
  const auto frontends = Build(Web(), {std::make_shared<EndpointSlice>(one.object),
                                       std::make_shared<EndpointSlice>(two.object)});
  EXPECT_THAT(Ips(frontends[0].endpoints), ElementsAre("10.244.0.2", "10.244.0.3"));
}

TEST(BuildFrontends, TerminatingEndpointsServeWhenNoneIsReady) {
  Slice slice;
  slice.AddTerminating(2);
  slice.Add(3).mutable_conditions()->set_ready(false);
  EXPECT_THAT(Ips(Build(Web(), slice)[0].endpoints), ElementsAre("10.244.0.2"));
  slice.Add(4);
  EXPECT_THAT(Ips(Build(Web(), slice)[0].endpoints), ElementsAre("10.244.0.4"));
}

TEST(BuildFrontends, ZoneHintsCountWhenEveryReadyEndpointHasOne) {
  Slice slice;
  slice.Add(2).mutable_hints()->add_for_zones()->set_name("zone-a");
  slice.Add(3).mutable_hints()->add_for_zones()->set_name("zone-b");
  EXPECT_THAT(Ips(Build(Web(), slice)[0].endpoints), ElementsAre("10.244.0.2"));
  slice.Add(4);
  EXPECT_THAT(Build(Web(), slice)[0].endpoints, SizeIs(3));
}

TEST(BuildFrontends, NodeHintsComeBeforeZoneHints) {
  Slice slice;
  for (const int i : {2, 3}) {
    auto& hints = *slice.Add(i).mutable_hints();
    hints.add_for_zones()->set_name("zone-a");
    hints.add_for_nodes()->set_name(i == 2 ? "me" : "other");
  }
  EXPECT_THAT(Ips(Build(Web(), slice)[0].endpoints), ElementsAre("10.244.0.2"));
}

TEST(BuildFrontends, HintsForOthersAreIgnored) {
  Slice slice;
  slice.Add(2).mutable_hints()->add_for_zones()->set_name("zone-b");
  EXPECT_THAT(Build(Web(), slice)[0].endpoints, SizeIs(1));
}

TEST(BuildFrontends, InternalPolicyLocalKeepsToThisNodeAndDropsWithoutEndpoints) {
  Service service = Web();
  service.mutable_spec()->set_internal_traffic_policy("Local");
  Slice slice;
  slice.Add(3);
  auto frontends = Build(service, slice);
  EXPECT_THAT(frontends[0].endpoints, IsEmpty());
  EXPECT_TRUE(frontends[0].drop_when_empty);
  slice.Add(2, "me");
  EXPECT_THAT(Ips(Build(service, slice)[0].endpoints), ElementsAre("10.244.0.2"));
  frontends = Build(service, {});
  EXPECT_FALSE(frontends[0].drop_when_empty) << "no endpoints anywhere: refused, not dropped";
}

TEST(BuildFrontends, ANodePortIsServedOnTheNodesAddress) {
  Service service = Web();
  service.mutable_spec()->set_type("NodePort");
  service.mutable_spec()->mutable_ports(0)->set_node_port(30080);
  const auto frontends = Build(service, Slice());
  ASSERT_THAT(frontends, SizeIs(2));
  EXPECT_EQ(frontends[1].key.ToString(), "192.168.50.1:30080/TCP");
  EXPECT_TRUE(frontends[1].external);
  EXPECT_FALSE(frontends[1].local_policy);
}

TEST(BuildFrontends, ABalancerHasItsAddressesPolicyAndSourceRanges) {
  Service service = Web();
  auto& spec = *service.mutable_spec();
  spec.set_type("LoadBalancer");
  spec.set_external_traffic_policy("Local");
  spec.add_load_balancer_source_ranges("10.1.0.0/16");
  spec.add_load_balancer_source_ranges("10.0.0.0/8");
  spec.add_load_balancer_source_ranges("fd00::/8");
  spec.add_external_ips("198.51.100.1");
  auto& ingress = *service.mutable_status()->mutable_load_balancer();
  ingress.add_ingress()->set_ip("203.0.113.9");
  auto& proxied = *ingress.add_ingress();
  proxied.set_ip("203.0.113.10");
  proxied.set_ip_mode("Proxy");
  Slice slice;
  slice.Add(2, "me");
  slice.Add(3);
  const auto frontends = Build(service, slice);
  ASSERT_THAT(frontends, SizeIs(3));
  EXPECT_EQ(frontends[1].key.ToString(), "203.0.113.9:80/TCP");
  EXPECT_THAT(frontends[1].endpoints, SizeIs(2));
  EXPECT_THAT(Ips(frontends[1].local_endpoints), ElementsAre("10.244.0.2"));
  ASSERT_THAT(frontends[1].source_ranges, SizeIs(1)) << "what another range covers is left out";
  EXPECT_EQ(frontends[1].source_ranges[0].ToString(), "10.0.0.0/8");
  EXPECT_EQ(frontends[2].key.ToString(), "198.51.100.1:80/TCP");
  EXPECT_FALSE(frontends[2].restricted);
}

TEST(BuildFrontends, AffinityHasItsTimeoutOrThreeHours) {
  Service service = Web();
  service.mutable_spec()->set_session_affinity("ClientIP");
  EXPECT_EQ(Build(service, Slice())[0].affinity_seconds, 10'800u);
  service.mutable_spec()
      ->mutable_session_affinity_config()
      ->mutable_client_ip()
      ->set_timeout_seconds(5);
  EXPECT_EQ(Build(service, Slice())[0].affinity_seconds, 5u);
}

TEST(BuildFrontends, HeadlessExternalAndForeignServicesAreNotProxied) {
  Service headless = Web();
  headless.mutable_spec()->set_cluster_ip("None");
  EXPECT_THAT(Build(headless, Slice()), IsEmpty());
  Service external = Web();
  external.mutable_spec()->set_type("ExternalName");
  EXPECT_THAT(Build(external, Slice()), IsEmpty());
  Service foreign = Web();
  (*foreign.mutable_metadata()->mutable_labels())["service.kubernetes.io/service-proxy-name"] = "x";
  EXPECT_THAT(Build(foreign, Slice()), IsEmpty());
}

TEST(BuildFrontends, EachFamilyHasItsOwn) {
  Service service = Web();
  service.mutable_spec()->add_cluster_ips("fd00::1");
  EXPECT_THAT(Build(service, Slice()), SizeIs(1));
  const auto six = BuildFrontends(service, Slice(), kNode, true);
  ASSERT_THAT(six, SizeIs(1));
  EXPECT_EQ(six[0].key.ToString(), "[fd00::1]:80/TCP");
  EXPECT_THAT(six[0].endpoints, IsEmpty());
}

}  // namespace
}  // namespace berth::netproxy
