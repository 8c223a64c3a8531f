// SPDX-License-Identifier: Apache-2.0
#include "netproxy/proxy.h"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/status.h"
#include "base/strings.h"
#include "client/fake_api_server.h"
#include "client/transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "netproxy/fake_backend.h"

namespace berth::netproxy {
namespace {

using api::core::v1::Node;
using api::core::v1::Service;
using api::discovery::v1::EndpointSlice;
using testing::HasSubstr;

Service MakeService(const std::string& name, int number) {
  Service out;
  out.mutable_metadata()->set_namespace_("ns");
  out.mutable_metadata()->set_name(name);
  out.mutable_spec()->set_type("ClusterIP");
  out.mutable_spec()->set_cluster_ip(base::StrCat("10.96.0.", number));
  auto& port = *out.mutable_spec()->add_ports();
  port.set_port(80);
  port.set_protocol("TCP");
  return out;
}

EndpointSlice MakeSlice(const std::string& name, const std::string& service,
                        std::vector<int> endpoints) {
  EndpointSlice out;
  out.mutable_metadata()->set_namespace_("ns");
  out.mutable_metadata()->set_name(name);
  (*out.mutable_metadata()->mutable_labels())["kubernetes.io/service-name"] = service;
  out.set_address_type("IPv4");
  auto& port = *out.add_ports();
  port.set_port(8080);
  port.set_protocol("TCP");
  for (const int i : endpoints) out.add_endpoints()->add_addresses(base::StrCat("10.244.0.", i));
  return out;
}

class ProxyTest : public testing::Test {
 protected:
  ProxyTest() {
    Node node;
    node.mutable_metadata()->set_name("me");
    auto& address = *node.mutable_status()->add_addresses();
    address.set_type("InternalIP");
    address.set_address("192.168.50.1");
    node.mutable_spec()->set_pod_cidr("10.244.0.0/24");
    server_.Put(client::kNodes, node);
  }
  void Start() {
    auto backend = std::make_unique<FakeBackend>();
    backend_ = backend.get();
    ProxyBackends backends;
    backends.four = std::move(backend);
    backends.clean_four = [](const Ruleset&, const std::set<FrontendKey>&) { return 0; };
    backends.foreign_edits = [this] { return std::exchange(foreign_, {}); };
    ProxyOptions options;
    options.node_name = "me";
    options.cluster_cidrs = {"10.244.0.0/16"};
    ASSERT_TRUE(options.Check().ok());
    proxy_ = std::make_unique<Proxy>(ProxyInformers{services_, slices_, node_}, executor_, clock_,
                                     options, std::move(backends), &metrics_);
    services_.Start();
    slices_.Start();
    node_.Start();
    proxy_->Start();
    Settle();
  }
  // Runs what is due, with time going on by two sync periods.
  void Settle() {
    for (int i = 0; i < 40; ++i) {
      executor_.RunAll();
      clock_.Advance(absl::Milliseconds(50));
    }
    executor_.RunAll();
  }
  // "service 10.96.0.1 -> 10.244.0.2", ...
  size_t Count(SetKind kind) const {
    size_t out = 0;
    for (const Element& e : backend_->elements()) out += e.kind() == kind;
    return out;
  }

  client::FakeApiServer server_;
  base::ManualExecutor executor_;
  base::FakeClock clock_;
  client::ApiClient api_{client::MakeInProcessTransport(server_.handler(), executor_, {})};
  client::Informer<Service> services_{api_, executor_, clock_, client::kServices};
  client::Informer<EndpointSlice> slices_{api_, executor_, clock_, client::kEndpointSlices,
                                          SliceInformerOptions()};
  client::Informer<Node> node_{api_, executor_, clock_, client::kNodes};
  prometheus::Registry registry_;
  ProxyMetrics metrics_{registry_};
  FakeBackend* backend_ = nullptr;
  std::vector<ForeignEdit> foreign_;
  std::unique_ptr<Proxy> proxy_;
};

TEST_F(ProxyTest, LoadsEverythingInOneTransactionOnceAllListsAreThere) {
  for (int i = 1; i <= 20; ++i) {
    server_.Put(client::kServices, MakeService(base::StrCat("s", i), i));
    server_.Put(client::kEndpointSlices,
                MakeSlice(base::StrCat("s", i, "-x"), base::StrCat("s", i), {1, 2, 3}));
  }
  Start();
  EXPECT_TRUE(proxy_->Ready());
  EXPECT_EQ(backend_->replaced(), 1);
  EXPECT_TRUE(backend_->changes().empty());
  EXPECT_EQ(Count(SetKind::kEndpoints), 60u);
  EXPECT_EQ(backend_->layout().pod_cidrs[0].ToString(), "10.244.0.0/24");
}

TEST_F(ProxyTest, FollowsServicesAndSlices) {
  Start();
  server_.Put(client::kServices, MakeService("web", 1));
  Settle();
  EXPECT_EQ(Count(SetKind::kNoEndpoints), 1u);
  server_.Put(client::kEndpointSlices, MakeSlice("web-a", "web", {1, 2}));
  server_.Put(client::kEndpointSlices, MakeSlice("web-b", "web", {3}));
  Settle();
  EXPECT_EQ(Count(SetKind::kNoEndpoints), 0u);
  EXPECT_EQ(Count(SetKind::kEndpoints), 3u);
  server_.Remove(client::kEndpointSlices, "ns", "web-a");
  Settle();
  EXPECT_EQ(Count(SetKind::kEndpoints), 1u);
  server_.Remove(client::kServices, "ns", "web");
  Settle();
  EXPECT_TRUE(backend_->elements().empty());
}

TEST_F(ProxyTest, ASliceThatChangesItsServiceLeavesTheOldOne) {
  server_.Put(client::kServices, MakeService("a", 1));
  server_.Put(client::kServices, MakeService("b", 2));
  server_.Put(client::kEndpointSlices, MakeSlice("x", "a", {1}));
  Start();
  EXPECT_EQ(Count(SetKind::kNoEndpoints), 1u);
  server_.Put(client::kEndpointSlices, MakeSlice("x", "b", {1}));
  Settle();
  EXPECT_EQ(Count(SetKind::kNoEndpoints), 1u);
  EXPECT_EQ(Count(SetKind::kEndpoints), 1u);
}

TEST_F(ProxyTest, ABurstOfEventsIsFewTransactions) {
  server_.Put(client::kServices, MakeService("web", 1));
  Start();
  for (int i = 1; i <= 50; ++i) {
    server_.Put(client::kEndpointSlices, MakeSlice("web-a", "web", {i}));
    executor_.RunAll();
  }
  Settle();
  EXPECT_LE(backend_->changes().size(), 3u);
  EXPECT_EQ(Count(SetKind::kEndpoints), 1u);
}

TEST_F(ProxyTest, AFailureIsRetriedAndCounted) {
  server_.Put(client::kServices, MakeService("web", 1));
  Start();
  backend_->FailNext(base::Unavailable("busy"));
  server_.Put(client::kEndpointSlices, MakeSlice("web-a", "web", {1}));
  Settle();
  EXPECT_EQ(Count(SetKind::kEndpoints), 1u);
  const std::string text = prometheus::TextSerializer().Serialize(registry_.Collect());
  EXPECT_THAT(text, HasSubstr("kubeproxy_sync_proxy_rules_nftables_sync_failures_total 1\n"));
  EXPECT_THAT(text, HasSubstr("kubeproxy_sync_proxy_rules_service_changes_total 1\n"));
  EXPECT_TRUE(proxy_->health().Healthy());
}

TEST_F(ProxyTest, AnHourlyComparisonRepairsWhatOthersChanged) {
  server_.Put(client::kServices, MakeService("web", 1));
  Start();
  const auto before = backend_->elements();
  ASSERT_TRUE(backend_->Apply(backend_->layout(), {before, {}}).ok());  // a stranger's hand
  EXPECT_TRUE(backend_->elements().empty());
  clock_.Advance(absl::Hours(1));
  Settle();
  EXPECT_EQ(backend_->elements(), before);
}

TEST_F(ProxyTest, WhatOthersChangeIsRepairedWithinASecond) {
  server_.Put(client::kServices, MakeService("web", 1));
  Start();
  const auto before = backend_->elements();
  ASSERT_TRUE(backend_->Apply(backend_->layout(), {before, {}}).ok());  // a stranger's hand
  foreign_ = {{.six = false, .structure = false, .by = "nft (pid 1)"}};
  Settle();
  EXPECT_EQ(backend_->elements(), before);
  EXPECT_EQ(backend_->replaced(), 1);
}

TEST_F(ProxyTest, RulesThatOthersChangeAreMadeAnewButNotAgainAndAgain) {
  server_.Put(client::kServices, MakeService("web", 1));
  Start();
  foreign_ = {{.six = false, .structure = true, .by = "nft (pid 1)"}};
  Settle();
  EXPECT_EQ(backend_->replaced(), 2);
  foreign_ = {{.six = false, .structure = true, .by = "nft (pid 1)"}};
  Settle();  // two seconds
  EXPECT_EQ(backend_->replaced(), 2);
  clock_.Advance(absl::Seconds(8));
  Settle();
  EXPECT_EQ(backend_->replaced(), 3);
}

TEST_F(ProxyTest, InformersMayOutliveIt) {
  Start();
  proxy_.reset();
  server_.Put(client::kServices, MakeService("web", 1));
  Settle();
  EXPECT_EQ(services_.size(), 1u);
}

TEST_F(ProxyTest, RefusesOptionsThatMakeNoSense) {
  ProxyOptions options;
  options.cluster_cidrs = {"10.244.0.0/33"};
  EXPECT_THAT(std::string(options.Check().message()), HasSubstr("\"10.244.0.0/33\" is no CIDR"));
  options.cluster_cidrs.clear();
  options.node_port_addresses = {"primary", "10.0.0.0/8"};
  EXPECT_FALSE(options.Check().ok());
}

}  // namespace
}  // namespace berth::netproxy
