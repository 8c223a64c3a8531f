// SPDX-License-Identifier: Apache-2.0
// Random clusters, changed at random: where packets go by the proxy's rules is where the Service
// rules say they go. BERTH_SEED=n repeats a run, BERTH_CLUSTERS=n makes more of them.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/strings.h"
#include "netproxy/ruleset.h"
#include "netproxy/service_frontends.h"
#include "tests/netproxy_model/service_rules.h"

namespace berth::tests {
namespace {

using api::core::v1::Service;
using api::discovery::v1::EndpointSlice;
using base::StrCat;
using kernel::IpAddress;
using kernel::IpPrefix;

unsigned FromEnvironment(const char* name, unsigned otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<unsigned>(std::atoi(text));
}

class Generator {
 public:
  Generator(unsigned seed, bool six) : random_(seed), six_(six) {
    cluster_.zone = Chance(3) ? "" : "a";
    cluster_.node_ip = Ip("192.168.50.", 1);
    cluster_.cluster_cidr = *IpPrefix::Parse(six ? "fd00:a4::/32" : "10.244.0.0/16");
    cluster_.service_cidr = *IpPrefix::Parse(six ? "fd00:60::/32" : "10.96.0.0/16");
    cluster_.pod_cidr = *IpPrefix::Parse(six ? "fd00:a4:0::/48" : "10.244.0.0/24");
    for (int i = 0; i < 6; ++i) {
      cluster_.services.push_back(MakeService(i));
      Endpoints(i);
    }
  }

  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool Chance(uint32_t of) { return Below(of) == 0; }
  const ModelCluster& cluster() const { return cluster_; }
  bool six() const { return six_; }

  // A service or its endpoints become others; its number.
  int Change() {
    const int i = static_cast<int>(Below(6));
    auto& spec = *cluster_.services[i].mutable_spec();
    switch (Below(4)) {
      case 0:
        cluster_.services[i] = MakeService(i);
        Endpoints(i);
        break;
      case 1:
        spec.set_internal_traffic_policy(Chance(2) ? "Local" : "Cluster");
        if (spec.has_external_traffic_policy()) {
          spec.set_external_traffic_policy(Chance(2) ? "Local" : "Cluster");
        }
        break;
      default:
        Endpoints(i);
    }
    return i;
  }

  // Often one that was sent before.
  Packet NextPacket() {
    if (!sent_.empty() && Chance(2)) return sent_[Below(static_cast<uint32_t>(sent_.size()))];
    sent_.push_back(MakePacket());
    return sent_.back();
  }

 private:
  Packet MakePacket() {
    Packet packet;
    const char* sources[] = {"10.244.0.", "10.244.1.", "192.168.50.", "198.18.0."};
    packet.from_node = Chance(5);
    packet.source = packet.from_node ? cluster_.node_ip : Ip(sources[Below(4)], 2 + Below(8));
    const Service& service = cluster_.services[Below(6)];
    const auto& port = service.spec().ports(static_cast<int>(Below(service.spec().ports_size())));
    packet.protocol = port.protocol() == "UDP" ? 17 : port.protocol() == "SCTP" ? 132 : 6;
    packet.port = static_cast<uint16_t>(port.port());
    const int i = static_cast<int>(&service - cluster_.services.data());
    switch (Below(8)) {
      case 0:
        packet.destination = Ip("198.51.100.", 1 + i);
        break;
      case 1:
        packet.destination = Ip("203.0.113.", 1 + i);
        break;
      case 2:
      case 3:
        packet.destination = cluster_.node_ip;
        packet.port = static_cast<uint16_t>(30'000 + 10 * i + Below(3));
        break;
      case 4:
        packet.destination = Ip("10.96.9.", 9);
        break;
      default:
        packet.destination = Ip("10.96.0.", 1 + i);
    }
    if (Chance(12)) packet.port = 9;
    if (Chance(12)) packet.protocol = 17;
    return packet;
  }

  // The two families' networks side by side.
  IpAddress Ip(std::string_view four, uint32_t last) { return *IpAddress::Parse(Text(four, last)); }
  std::string Text(std::string_view four, uint32_t last) {
    if (!six_) return StrCat(four, last);
    if (four.starts_with("10.244.")) return StrCat("fd00:a4:", four.substr(7, 1), "::", last);
    if (four.starts_with("10.96.")) return StrCat("fd00:60:", four.substr(6, 1), "::", last);
    return StrCat("fd01:", four.substr(0, 3), "::", last);
  }

  Service MakeService(int i) {
    Service service;
    service.mutable_metadata()->set_namespace_("ns");
    service.mutable_metadata()->set_name(StrCat("s", i));
    auto& spec = *service.mutable_spec();
    const char* types[] = {"ClusterIP", "NodePort", "LoadBalancer", "LoadBalancer"};
    spec.set_type(types[Below(4)]);
    spec.set_cluster_ip(Chance(12) ? "None" : Text("10.96.0.", 1 + i));
    if (Chance(12)) {
      (*service.mutable_metadata()->mutable_labels())["service.kubernetes.io/service-proxy-name"] =
          "x";
    }
    spec.set_internal_traffic_policy(Chance(3) ? "Local" : "Cluster");
    if (spec.type() != "ClusterIP")
      spec.set_external_traffic_policy(Chance(2) ? "Local" : "Cluster");
    if (Chance(3)) {
      spec.set_session_affinity("ClientIP");
      spec.mutable_session_affinity_config()->mutable_client_ip()->set_timeout_seconds(
          Chance(2) ? 60 : 600);
    }
    const char* protocols[] = {"TCP", "UDP", "SCTP"};
    const uint32_t ports = 1 + Below(2);
    for (uint32_t p = 0; p < ports; ++p) {
      auto& port = *spec.add_ports();
      port.set_name(StrCat("p", p));
      port.set_protocol(protocols[Below(3)]);
      port.set_port(static_cast<int>(80 + p));
      if (spec.type() != "ClusterIP") port.set_node_port(static_cast<int>(30'000 + 10 * i + p));
    }
    if (spec.type() == "LoadBalancer") {
      auto& ingress = *service.mutable_status()->mutable_load_balancer()->add_ingress();
      ingress.set_ip(Text("198.51.100.", 1 + i));
      ingress.set_ip_mode(Chance(4) ? "Proxy" : "VIP");
      if (Chance(2)) {
        spec.add_load_balancer_source_ranges(
            StrCat(Text("198.18.0.", 2 + Below(8)), six_ ? "/127" : "/31"));
        if (Chance(2))
          spec.add_load_balancer_source_ranges(
              StrCat(Text("192.168.50.", 0), six_ ? "/64" : "/24"));
      }
    }
    if (Chance(3)) spec.add_external_ips(Text("203.0.113.", 1 + i));
    return service;
  }

  void Endpoints(int i) {
    const Service& service = cluster_.services[i];
    auto& slices = cluster_.slices[service.metadata().name()];
    slices.clear();
    const uint32_t most = Chance(4) ? 20 : 4;
    const bool hints = Chance(3), node_hints = Chance(2);
    for (uint32_t s = Below(3); s-- > 0;) {
      auto slice = std::make_shared<EndpointSlice>();
      slice->mutable_metadata()->set_name(StrCat("s", i, "-", s));
      slice->set_address_type(six_ ? "IPv6" : "IPv4");
      for (const auto& port : service.spec().ports()) {
        auto& out = *slice->add_ports();
        out.set_name(port.name());
        out.set_protocol(port.protocol());
        out.set_port(8000 + port.port());
      }
      const bool some_ready = !Chance(4);
      for (uint32_t e = Below(most); e-- > 0;) {
        auto& endpoint = *slice->add_endpoints();
        const uint32_t where = Below(3);  // here, elsewhere, in the node's network elsewhere
        const char* networks[] = {"10.244.0.", "10.244.1.", "192.168.50."};
        endpoint.add_addresses(Text(networks[where], 2 + e + 25 * s));
        endpoint.set_node_name(where == 0 ? "me" : "other");
        auto& conditions = *endpoint.mutable_conditions();
        const bool terminating = Chance(4);
        conditions.set_ready(some_ready && !terminating && !Chance(4));
        conditions.set_serving(conditions.ready() || Chance(2));
        conditions.set_terminating(terminating);
        if (hints && !Chance(20))
          endpoint.mutable_hints()->add_for_zones()->set_name(Chance(2) ? "a" : "b");
        if (hints && node_hints)
          endpoint.mutable_hints()->add_for_nodes()->set_name(Chance(2) ? "me" : "other");
      }
      slices.push_back(std::move(slice));
    }
  }

  std::mt19937 random_;
  const bool six_;
  ModelCluster cluster_;
  std::vector<Packet> sent_;
};

std::string Describe(const Packet& packet) {
  return StrCat(packet.from_node ? "the node" : packet.source.ToString(), " to ",
                packet.destination.ToString(), ":", packet.port, "/", int{packet.protocol});
}

// The proxy's code over the cluster, its changes applied to the walk as to a kernel.
class Subject {
 public:
  explicit Subject(Generator& generator)
      : generator_(generator),
        walk_(Options(generator), {generator.cluster().node_ip},
              [&generator](uint32_t modulus) { return generator.Below(modulus); }) {
    for (int i = 0; i < 6; ++i) Update(i);
  }
  static netproxy::LayoutOptions Options(const Generator& generator) {
    const ModelCluster& cluster = generator.cluster();
    netproxy::LayoutOptions options;
    options.family = generator.six() ? kernel::NftFamily::kIp6 : kernel::NftFamily::kIp4;
    options.cluster_cidrs = {cluster.cluster_cidr};
    options.service_cidrs = {cluster.service_cidr};
    options.pod_cidrs = {cluster.pod_cidr};
    options.affinity_seconds = {60, 600};
    return options;
  }
  void Update(int i) {
    const ModelCluster& cluster = generator_.cluster();
    const Service& service = cluster.services[i];
    const auto slices = cluster.slices.find(service.metadata().name());
    netproxy::NodeContext node{cluster.node, cluster.zone, {cluster.node_ip}};
    ruleset_.Update(service.metadata().name(),
                    netproxy::BuildFrontends(service, slices->second, node, generator_.six()));
    netproxy::Consequences consequences;
    ASSERT_TRUE(walk_.Apply(ruleset_.TakeChange(consequences)));
    // As the proxy does it.
    walk_.Forget([&](const netproxy::RememberedClient& client) {
      if (!consequences.affinity.contains(client.frontend)) return true;
      const netproxy::Frontend* frontend = ruleset_.Find(client.frontend);
      return frontend != nullptr &&
             netproxy::StillLeads(*frontend, client, {cluster.cluster_cidr}, {cluster.node_ip});
    });
  }
  PacketWalk& walk() { return walk_; }

 private:
  Generator& generator_;
  netproxy::Ruleset ruleset_;
  PacketWalk walk_;
};

void Check(const ModelCluster& cluster, PacketWalk& walk, const Packet& packet) {
  const Expected expected = Expect(cluster, packet);
  std::set<Target> seen;
  // With so many draws one of 20 is missed once in 10^13 times.
  const size_t draws =
      expected.fate != Fate::kPassed || expected.sticky ? 2 : 30 * expected.targets.size();
  for (size_t i = 0; i < draws; ++i) {
    const Outcome outcome = walk.Send(packet);
    ASSERT_EQ(walk.error(), "");
    ASSERT_EQ(static_cast<int>(outcome.fate), static_cast<int>(expected.fate));
    if (expected.fate != Fate::kPassed) continue;
    const Target target{outcome.destination, outcome.port};
    ASSERT_TRUE(expected.targets.contains(target))
        << target.first.ToString() << ":" << target.second;
    ASSERT_EQ(outcome.masqueraded, MustMasquerade(cluster, packet, expected, target))
        << target.first.ToString();
    seen.insert(target);
  }
  if (expected.fate != Fate::kPassed) return;
  EXPECT_EQ(seen.size(), expected.sticky ? 1 : expected.targets.size());
}

void RunClusters(bool six) {
  const unsigned seed = FromEnvironment("BERTH_SEED", 20'260'101);
  const unsigned clusters = FromEnvironment("BERTH_CLUSTERS", 40);
  for (unsigned n = 0; n < clusters; ++n) {
    Generator generator(seed + n, six);
    Subject subject(generator);
    for (int change = 0; change < 6; ++change) {
      for (int i = 0; i < 60; ++i) {
        const Packet packet = generator.NextPacket();
        SCOPED_TRACE(StrCat("BERTH_SEED=", seed + n, " BERTH_CLUSTERS=1, change ", change, ": ",
                            Describe(packet)));
        Check(generator.cluster(), subject.walk(), packet);
        if (testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure()) return;
      }
      subject.Update(generator.Change());
    }
  }
}

TEST(RandomClusters, PacketsGoWhereTheServiceRulesSay) { RunClusters(/*six=*/false); }
TEST(RandomClusters, PacketsOfIp6Too) { RunClusters(/*six=*/true); }

}  // namespace
}  // namespace berth::tests
