// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/endpoint_slice_plan.h"

#include <functional>
#include <map>
#include <random>
#include <set>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/endpoints_plan.h"
#include "controlplane/controllers/pod_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using api::core::v1::Service;
using api::discovery::v1::EndpointSlice;

Service MakeService() {
  Service service;
  service.mutable_metadata()->set_name("web");
  service.mutable_metadata()->set_namespace_("default");
  service.mutable_metadata()->set_uid("svc");
  service.mutable_spec()->set_cluster_ip("10.96.0.1");
  auto& port = *service.mutable_spec()->add_ports();
  port.set_name("http");
  port.set_port(80);
  port.mutable_target_port()->set_type(1);
  port.mutable_target_port()->set_str_val("web");
  return service;
}

PodPtr MakePod(int number, const std::function<void(Pod&)>& change = {}) {
  Pod pod;
  pod.mutable_metadata()->set_name(base::StrCat("p", number));
  pod.mutable_metadata()->set_namespace_("default");
  pod.mutable_metadata()->set_uid(base::StrCat("uid", number));
  pod.mutable_spec()->set_node_name("n1");
  auto& port = *pod.mutable_spec()->add_containers()->add_ports();
  port.set_name("web");
  port.set_container_port(8080);
  pod.mutable_status()->set_phase("Running");
  pod.mutable_status()->set_pod_ip(base::StrCat("10.1.", number / 250, ".", number % 250 + 1));
  auto& ready = *pod.mutable_status()->add_conditions();
  ready.set_type("Ready");
  ready.set_status("True");
  if (change) change(pod);
  return std::make_shared<Pod>(std::move(pod));
}

void MakeUnready(Pod& pod) { pod.mutable_status()->mutable_conditions(0)->set_status("False"); }
void Delete(Pod& pod) { pod.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(5); }

NodePtr NoNode(std::string_view) { return nullptr; }

// The API server's side: applies plans.
class Store {
 public:
  SlicePlan Sync(const Service& service, const std::vector<PodPtr>& pods) {
    std::vector<SlicePtr> there;
    for (const auto& [name, slice] : slices_) there.push_back(slice);
    SlicePlan plan = PlanSlices(service, pods, there, NoNode);
    for (EndpointSlice slice : plan.create) {
      slice.mutable_metadata()->set_name(base::StrCat("s", next_++));
      slices_[slice.metadata().name()] = std::make_shared<EndpointSlice>(slice);
    }
    for (const EndpointSlice& slice : plan.update) {
      slices_[slice.metadata().name()] = std::make_shared<EndpointSlice>(slice);
    }
    for (const SlicePtr& slice : plan.remove) slices_.erase(slice->metadata().name());
    return plan;
  }
  std::multiset<std::string> Addresses() const {
    std::multiset<std::string> out;
    for (const auto& [name, slice] : slices_) {
      EXPECT_LE(slice->endpoints_size(), kMaxEndpointsPerSlice);
      for (const auto& endpoint : slice->endpoints()) out.insert(endpoint.addresses(0));
    }
    return out;
  }
  const std::map<std::string, std::shared_ptr<EndpointSlice>>& slices() const { return slices_; }

 private:
  std::map<std::string, std::shared_ptr<EndpointSlice>> slices_;
  int next_ = 0;
};

TEST(PlanSlices, SaysEverythingAboutAnEndpoint) {
  Store store;
  store.Sync(MakeService(), {MakePod(1)});
  ASSERT_EQ(store.slices().size(), 1u);
  const EndpointSlice& slice = *store.slices().begin()->second;
  EXPECT_EQ(slice.address_type(), "IPv4");
  EXPECT_EQ(slice.metadata().generate_name(), "web-");
  EXPECT_EQ(slice.metadata().owner_references(0).kind(), "Service");
  EXPECT_EQ(slice.metadata().labels().at(std::string(kServiceNameLabel)), "web");
  EXPECT_EQ(slice.metadata().labels().at(std::string(kSliceManagedByLabel)), kSliceManager);
  ASSERT_EQ(slice.ports_size(), 1);
  EXPECT_EQ(slice.ports(0).name(), "http");
  EXPECT_EQ(slice.ports(0).port(), 8080);  // by the container port's name
  const auto& endpoint = slice.endpoints(0);
  EXPECT_EQ(endpoint.addresses(0), "10.1.0.2");
  EXPECT_TRUE(endpoint.conditions().ready());
  EXPECT_EQ(endpoint.target_ref().uid(), "uid1");
  EXPECT_EQ(endpoint.node_name(), "n1");
}

TEST(PlanSlices, TellsReadyServingAndTerminatingApart) {
  struct Case {
    std::function<void(Pod&)> change;
    bool publish, ready, serving, terminating;
  };
  const auto both = [](Pod& p) { MakeUnready(p), Delete(p); };
  for (const Case& c : std::vector<Case>{{{}, false, true, true, false},
                                         {MakeUnready, false, false, false, false},
                                         {Delete, false, false, true, true},
                                         {both, false, false, false, true},
                                         {both, true, true, false, true}}) {
    Service service = MakeService();
    service.mutable_spec()->set_publish_not_ready_addresses(c.publish);
    Store store;
    store.Sync(service, {MakePod(1, c.change)});
    const auto& conditions = store.slices().begin()->second->endpoints(0).conditions();
    EXPECT_EQ(conditions.ready(), c.ready);
    EXPECT_EQ(conditions.serving(), c.serving);
    EXPECT_EQ(conditions.terminating(), c.terminating);
  }
}

TEST(PlanSlices, KeepsAnEmptySliceForAServiceWithoutPods) {
  Store store;
  EXPECT_EQ(store.Sync(MakeService(), {}).create.size(), 1u);
  const SlicePlan again = store.Sync(MakeService(), {});
  EXPECT_TRUE(again.create.empty() && again.update.empty() && again.remove.empty());
  const auto finished = [](Pod& p) { p.mutable_status()->set_phase("Succeeded"); };
  store.Sync(MakeService(), {MakePod(1, finished)});
  EXPECT_TRUE(store.Addresses().empty());
}

TEST(PlanSlices, OneChangedPodRewritesOneSlice) {
  std::vector<PodPtr> pods;
  for (int i = 0; i < 450; ++i) pods.push_back(MakePod(i));
  Store store;
  EXPECT_EQ(store.Sync(MakeService(), pods).create.size(), 5u);
  pods[123] = MakePod(123, MakeUnready);
  const SlicePlan plan = store.Sync(MakeService(), pods);
  EXPECT_EQ(plan.update.size(), 1u);
  EXPECT_TRUE(plan.create.empty() && plan.remove.empty());
  pods.push_back(MakePod(450));
  const SlicePlan more = store.Sync(MakeService(), pods);
  EXPECT_EQ(more.update.size(), 1u);
  EXPECT_TRUE(more.create.empty() && more.remove.empty());
}

TEST(PlanSlices, ShowsEveryPodOnceWhateverHappened) {
  std::mt19937 random(7);
  std::map<int, PodPtr> pods;
  Store store;
  for (int round = 0; round < 60; ++round) {
    for (int i = 0; i < 40; ++i) {
      const int number = static_cast<int>(random() % 400);
      if (random() % 3 == 0) {
        pods.erase(number);
      } else {
        pods[number] = MakePod(number);
      }
    }
    std::vector<PodPtr> all;
    std::multiset<std::string> wanted;
    for (const auto& [number, pod] : pods) {
      all.push_back(pod);
      wanted.insert(pod->status().pod_ip());
    }
    store.Sync(MakeService(), all);
    ASSERT_EQ(store.Addresses(), wanted) << round;
    const SlicePlan settled = store.Sync(MakeService(), all);
    ASSERT_TRUE(settled.create.empty() && settled.update.empty() && settled.remove.empty());
  }
}

TEST(MakeEndpoints, SeparatesReadyFromNotReady) {
  const auto endpoints =
      MakeEndpoints(MakeService(), {MakePod(1), MakePod(2, MakeUnready), MakePod(3, Delete)});
  ASSERT_EQ(endpoints.subsets_size(), 1);
  const auto& subset = endpoints.subsets(0);
  ASSERT_EQ(subset.addresses_size(), 1);
  EXPECT_EQ(subset.addresses(0).ip(), "10.1.0.2");
  ASSERT_EQ(subset.not_ready_addresses_size(), 1);
  EXPECT_EQ(subset.not_ready_addresses(0).target_ref().name(), "p2");
  EXPECT_EQ(subset.ports(0).port(), 8080);
  EXPECT_TRUE(SameEndpoints(endpoints, endpoints));
  EXPECT_FALSE(SameEndpoints(endpoints, MakeEndpoints(MakeService(), {MakePod(1)})));
}

TEST(MakeEndpoints, CutsAtAThousandAndKeepsTheReadyOnes) {
  std::vector<PodPtr> pods;
  for (int i = 0; i < 1100; ++i) {
    pods.push_back(i < 200 ? MakePod(i, MakeUnready) : MakePod(i));
  }
  const auto endpoints = MakeEndpoints(MakeService(), pods);
  ASSERT_EQ(endpoints.subsets_size(), 1);
  EXPECT_EQ(endpoints.subsets(0).addresses_size(), 900);
  EXPECT_EQ(endpoints.subsets(0).not_ready_addresses_size(), 100);
  EXPECT_EQ(endpoints.metadata().annotations().at("endpoints.kubernetes.io/over-capacity"),
            "truncated");
}

}  // namespace
}  // namespace berth::controlplane
