// SPDX-License-Identifier: Apache-2.0
#include "netproxy/family_proxy.h"

#include <map>

#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "netproxy/fake_backend.h"
#include "netproxy/sync_schedule.h"

namespace berth::netproxy {
namespace {

using api::core::v1::Service;
using api::discovery::v1::EndpointSlice;
using testing::ElementsAre;
using testing::IsEmpty;

class FakeDirectory : public ServiceDirectory {
 public:
  std::vector<std::string> ServiceKeys() const override {
    std::vector<std::string> out;
    for (const auto& [key, service] : services) out.push_back(key);
    return out;
  }
  std::shared_ptr<const Service> FindService(std::string_view key) const override {
    const auto it = services.find(std::string(key));
    return it == services.end() ? nullptr : it->second;
  }
  Slices SlicesOf(std::string_view key) const override {
    const auto it = slices.find(std::string(key));
    return it == slices.end() ? Slices() : Slices{it->second};
  }

  void Set(const std::string& key, int number, std::vector<int> endpoints,
           std::string_view protocol = "TCP", int affinity = 0) {
    auto service = std::make_shared<Service>();
    auto& spec = *service->mutable_spec();
    spec.set_cluster_ip(base::StrCat("10.96.0.", number));
    if (affinity != 0) {
      spec.set_session_affinity("ClientIP");
      spec.mutable_session_affinity_config()->mutable_client_ip()->set_timeout_seconds(affinity);
    }
    auto& port = *spec.add_ports();
    port.set_port(80);
    port.set_protocol(std::string(protocol));
    services[key] = service;
    auto slice = std::make_shared<EndpointSlice>();
    slice->set_address_type("IPv4");
    auto& slice_port = *slice->add_ports();
    slice_port.set_port(8080);
    slice_port.set_protocol(std::string(protocol));
    for (const int i : endpoints) {
      slice->add_endpoints()->add_addresses(base::StrCat("10.244.0.", i));
    }
    slices[key] = slice;
  }
  void Remove(const std::string& key) {
    services.erase(key);
    slices.erase(key);
  }

  std::map<std::string, std::shared_ptr<Service>> services;
  std::map<std::string, std::shared_ptr<EndpointSlice>> slices;
};

class FamilyProxyTest : public testing::Test {
 protected:
  FamilyProxyTest() : proxy_(Make(std::make_unique<FakeBackend>())) {
    node_.context.name = "me";
    node_.pod_cidrs = {*IpPrefix::Parse("10.244.0.0/24"), *IpPrefix::Parse("fd00::/64")};
  }
  FamilyProxy Make(std::unique_ptr<FakeBackend> backend) {
    backend_ = backend.get();
    FamilyOptions options;
    options.cluster_cidrs = {*IpPrefix::Parse("10.244.0.0/16"), *IpPrefix::Parse("fd00::/48")};
    return FamilyProxy(options, std::move(backend),
                       [this](const Ruleset&, const std::set<FrontendKey>& keys) {
                         for (const auto& key : keys) cleaned_.push_back(key.ToString());
                         return 0;
                       });
  }
  absl::Status Sync(std::set<std::string> changed) {
    return proxy_.Sync(directory_, node_, changed).status();
  }
  std::vector<Element> Fresh() {
    FakeBackend* kept = backend_;
    FamilyProxy fresh = Make(std::make_unique<FakeBackend>());
    EXPECT_TRUE(fresh.Sync(directory_, node_, {}).ok());
    auto out = backend_->elements();
    backend_ = kept;
    return out;
  }

  FakeDirectory directory_;
  NodeNetwork node_;
  std::vector<std::string> cleaned_;
  FakeBackend* backend_ = nullptr;
  FamilyProxy proxy_;
};

TEST_F(FamilyProxyTest, StartsWithOneTransactionAndThenChangesOnlyWhatChanged) {
  for (int i = 1; i <= 100; ++i) directory_.Set(base::StrCat("ns/s", i), i, {1, 2, 3});
  ASSERT_TRUE(Sync({}).ok());
  EXPECT_EQ(backend_->replaced(), 1);
  directory_.Set("ns/s7", 7, {1, 2, 9});
  ASSERT_TRUE(Sync({"ns/s7"}).ok());
  ASSERT_EQ(backend_->changes().size(), 1u);
  EXPECT_EQ(backend_->changes()[0].size(), 2u);  // one slot out, one in
  EXPECT_EQ(backend_->elements(), Fresh());
}

TEST_F(FamilyProxyTest, NothingChangedMakesNoTransaction) {
  directory_.Set("ns/web", 1, {1});
  ASSERT_TRUE(Sync({}).ok());
  ASSERT_TRUE(Sync({"ns/web", "ns/unknown"}).ok());
  EXPECT_THAT(backend_->changes(), IsEmpty());
}

TEST_F(FamilyProxyTest, AFailedTransactionIsMadeUpForByAFullComparison) {
  directory_.Set("ns/web", 1, {1});
  ASSERT_TRUE(Sync({}).ok());
  directory_.Set("ns/web", 1, {2});
  backend_->FailNext(base::Unavailable("busy"));
  EXPECT_TRUE(absl::IsUnavailable(Sync({"ns/web"})));
  const auto again = proxy_.Sync(directory_, node_, {});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->full);
  EXPECT_EQ(backend_->replaced(), 1) << "the table was kept";
  EXPECT_EQ(backend_->elements(), Fresh());
}

TEST_F(FamilyProxyTest, ARestartKeepsTheTableAndRemovesWhatIsStale) {
  directory_.Set("ns/a", 1, {1});
  directory_.Set("ns/b", 2, {2});
  ASSERT_TRUE(Sync({}).ok());
  auto second = std::make_unique<FakeBackend>();
  ASSERT_TRUE(second->Replace(backend_->layout(), backend_->elements()).ok());
  directory_.Remove("ns/b");
  FamilyProxy restarted = Make(std::move(second));
  ASSERT_TRUE(restarted.Sync(directory_, node_, {}).ok());
  EXPECT_EQ(backend_->replaced(), 1);
  EXPECT_EQ(backend_->elements(), Fresh());
}

TEST_F(FamilyProxyTest, ATableOfAnotherLayoutIsReplaced) {
  auto old = std::make_unique<FakeBackend>();
  LayoutOptions other;
  other.masquerade_bit = 3;
  ASSERT_TRUE(old->Replace(other, {}).ok());
  FamilyProxy proxy = Make(std::move(old));
  directory_.Set("ns/a", 1, {1});
  ASSERT_TRUE(proxy.Sync(directory_, node_, {}).ok());
  EXPECT_EQ(backend_->replaced(), 2);
}

TEST_F(FamilyProxyTest, ANewPodCidrChangesTheRulesAndNoElement) {
  node_.pod_cidrs.clear();
  directory_.Set("ns/a", 1, {1});
  ASSERT_TRUE(Sync({}).ok());
  node_.pod_cidrs = {*IpPrefix::Parse("10.244.3.0/24")};
  ASSERT_TRUE(Sync({}).ok());
  ASSERT_EQ(backend_->changes().size(), 1u);
  EXPECT_TRUE(backend_->changes()[0].empty());
  EXPECT_EQ(backend_->layout().pod_cidrs[0].ToString(), "10.244.3.0/24");
}

TEST_F(FamilyProxyTest, AnotherZoneMakesEveryServiceLookAgain) {
  directory_.Set("ns/a", 1, {1, 2});
  auto& endpoints = *directory_.slices["ns/a"]->mutable_endpoints();
  endpoints[0].mutable_hints()->add_for_zones()->set_name("a");
  endpoints[1].mutable_hints()->add_for_zones()->set_name("b");
  node_.context.zone = "a";
  ASSERT_TRUE(Sync({}).ok());
  node_.context.zone = "b";
  ASSERT_TRUE(Sync({}).ok());
  const auto& ruleset = proxy_.ruleset();
  const FrontendKey key{*IpAddress::Parse("10.96.0.1"), Protocol::kTcp, 80};
  ASSERT_EQ(ruleset.Find(key)->endpoints.size(), 1u);
  EXPECT_EQ(ruleset.Find(key)->endpoints[0].ip.ToString(), "10.244.0.2");
}

TEST_F(FamilyProxyTest, StaleUdpFlowsAreLookedForAfterTheTransaction) {
  directory_.Set("ns/dns", 1, {1, 2}, "UDP");
  directory_.Set("ns/web", 2, {1, 2});
  ASSERT_TRUE(Sync({}).ok());
  cleaned_.clear();
  directory_.Set("ns/dns", 1, {1}, "UDP");
  directory_.Set("ns/web", 2, {1});
  ASSERT_TRUE(Sync({"ns/dns", "ns/web"}).ok());
  EXPECT_THAT(cleaned_, ElementsAre("10.96.0.1:80/UDP"));
}

TEST_F(FamilyProxyTest, ClientsOfALostEndpointAreForgotten) {
  directory_.Set("ns/a", 1, {1, 2}, "TCP", 60);
  ASSERT_TRUE(Sync({}).ok());
  const FrontendKey key{*IpAddress::Parse("10.96.0.1"), Protocol::kTcp, 80};
  for (const char* ip : {"10.244.0.1", "10.244.0.2"}) {
    backend_->Remember(60,
                       {key, *IpAddress::Parse("192.0.2.1"), {*IpAddress::Parse(ip), 8080, false}});
  }
  directory_.Set("ns/a", 1, {2}, "TCP", 60);
  ASSERT_TRUE(Sync({"ns/a"}).ok());
  ASSERT_EQ(backend_->clients(60).size(), 1u);
  EXPECT_EQ(backend_->clients(60)[0].endpoint.ip.ToString(), "10.244.0.2");
}

TEST(StillLeads, OutsidersOfALocalPolicyGetEndpointsOfThisNodeOnly) {
  const auto ip = [](const char* text) { return *IpAddress::Parse(text); };
  Frontend frontend;
  frontend.endpoints = {{ip("10.244.0.1"), 8080, true}, {ip("10.244.1.1"), 8080, false}};
  frontend.local_endpoints = {{ip("10.244.0.1"), 8080, true}};
  const std::vector<IpPrefix> pods = {*IpPrefix::Parse("10.244.0.0/16")};
  const std::vector<IpAddress> node = {ip("192.168.50.1")};
  const auto leads = [&](const char* client, const char* endpoint) {
    return StillLeads(frontend, {frontend.key, ip(client), {ip(endpoint), 8080, false}}, pods,
                      node);
  };
  EXPECT_TRUE(leads("192.0.2.1", "10.244.1.1"));
  EXPECT_FALSE(leads("192.0.2.1", "10.244.2.1"));
  frontend.local_policy = true;
  EXPECT_FALSE(leads("192.0.2.1", "10.244.1.1"));
  EXPECT_TRUE(leads("192.0.2.1", "10.244.0.1"));
  EXPECT_TRUE(leads("10.244.0.9", "10.244.1.1"));
  EXPECT_TRUE(leads("192.168.50.1", "10.244.1.1"));
}

TEST_F(FamilyProxyTest, ADeletedServiceLeavesNothing) {
  directory_.Set("ns/a", 1, {1, 2}, "TCP", 60);
  ASSERT_TRUE(Sync({}).ok());
  directory_.Remove("ns/a");
  ASSERT_TRUE(Sync({"ns/a"}).ok());
  EXPECT_THAT(backend_->elements(), IsEmpty());
}

TEST(SyncSchedule, TwoRunAtOnceAndTheThirdWaitsForThePeriod) {
  SyncSchedule schedule(absl::Seconds(1));
  const absl::Time start = absl::FromUnixSeconds(1000);
  EXPECT_EQ(schedule.DelayAt(start), absl::ZeroDuration());
  schedule.Ran(start);
  EXPECT_EQ(schedule.DelayAt(start), absl::ZeroDuration());
  schedule.Ran(start + absl::Milliseconds(100));
  EXPECT_EQ(schedule.DelayAt(start + absl::Milliseconds(300)), absl::Milliseconds(700));
  EXPECT_EQ(schedule.DelayAt(start + absl::Seconds(2)), absl::ZeroDuration());
}

}  // namespace
}  // namespace berth::netproxy
