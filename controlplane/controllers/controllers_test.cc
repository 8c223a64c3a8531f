// SPDX-License-Identifier: Apache-2.0
// Scheduler and controllers together, against an API server with state and a kubelet that runs
// whatever is bound.
#include "controlplane/controllers/controllers.h"

#include <map>
#include <set>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/deployment_sets.h"
#include "controlplane/controllers/endpoint_slice_plan.h"
#include "controlplane/controllers/fake_cluster.h"
#include "controlplane/controllers/pod_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::Deployment;
using api::apps::v1::ReplicaSet;

Deployment MakeDeployment(int replicas) {
  Deployment deployment;
  auto& meta = *deployment.mutable_metadata();
  meta.set_name("web");
  meta.set_namespace_("default");
  meta.set_generation(1);
  auto& spec = *deployment.mutable_spec();
  spec.set_replicas(replicas);
  spec.set_progress_deadline_seconds(600);
  spec.set_revision_history_limit(10);
  (*spec.mutable_selector()->mutable_match_labels())["app"] = "web";
  (*spec.mutable_template_()->mutable_metadata()->mutable_labels())["app"] = "web";
  auto& container = *spec.mutable_template_()->mutable_spec()->add_containers();
  container.set_name("app");
  container.set_image("one");
  spec.mutable_template_()->mutable_spec()->set_scheduler_name("default-scheduler");
  return deployment;
}

class ControllersTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.AddNode("n1");
    cluster_.AddNode("n2");
    cluster_.StartControllers({.ca_bundle = "PEM"});
  }

  Deployment Web() {
    Deployment deployment;
    EXPECT_TRUE(cluster_.api().Get(client::kDeployments, "default", "web", deployment).ok());
    return deployment;
  }
  // As kubectl would: reads, changes, raises the generation, writes.
  template <class F>
  void Change(F&& change) {
    ASSERT_TRUE(cluster_.Until([&] {
      Deployment deployment = Web();
      change(deployment);
      deployment.mutable_metadata()->set_generation(deployment.metadata().generation() + 1);
      return cluster_.api().Update(client::kDeployments, deployment, nullptr).ok();
    }));
  }
  bool RolledOut(int replicas) {
    return cluster_.Until([&] {
      const Deployment web = Web();
      return web.status().observed_generation() == web.metadata().generation() &&
             web.status().updated_replicas() == replicas && web.status().replicas() == replicas &&
             web.status().available_replicas() == replicas;
    });
  }
  int ReadyAddresses() {
    const auto endpoints = cluster_.server().Get(client::kEndpoints, "default", "web");
    if (endpoints == nullptr) return -1;
    int count = 0;
    for (const auto& subset : static_cast<api::core::v1::Endpoints&>(*endpoints).subsets()) {
      count += subset.addresses_size();
    }
    return count;
  }
  std::vector<api::discovery::v1::EndpointSlice> Slices() {
    api::discovery::v1::EndpointSliceList list;
    EXPECT_TRUE(cluster_.api().List(client::kEndpointSlices, "default", {}, list).ok());
    return {list.items().begin(), list.items().end()};
  }
  int ReadyInSlices() {
    int count = 0;
    for (const auto& slice : Slices()) {
      for (const auto& endpoint : slice.endpoints()) count += endpoint.conditions().ready() ? 1 : 0;
    }
    return count;
  }

  FakeCluster cluster_;
};

TEST_F(ControllersTest, ADeploymentBecomesPodsOnBothNodes) {
  cluster_.server().Put(client::kDeployments, MakeDeployment(4));
  ASSERT_TRUE(RolledOut(4));
  std::map<std::string, int> per_node;
  for (const PodPtr& pod : cluster_.Pods()) ++per_node[pod->spec().node_name()];
  EXPECT_THAT(per_node, testing::ElementsAre(testing::Pair("n1", 2), testing::Pair("n2", 2)));
  EXPECT_EQ(RevisionOf(Web().metadata()), 1);
  EXPECT_EQ(cluster_.server().Count(client::kReplicaSets), 1u);
}

TEST_F(ControllersTest, ScalesReplacesUpdatesAndGoesBack) {
  cluster_.server().Put(client::kDeployments, MakeDeployment(2));
  ASSERT_TRUE(RolledOut(2));
  Change([](Deployment& d) { d.mutable_spec()->set_replicas(5); });
  ASSERT_TRUE(RolledOut(5));
  Change([](Deployment& d) { d.mutable_spec()->set_replicas(3); });
  ASSERT_TRUE(RolledOut(3));

  const std::string lost = cluster_.Pods().front()->metadata().name();
  cluster_.server().Remove(client::kPods, "default", lost);
  ASSERT_TRUE(cluster_.Until([&] {
    int ready = 0;
    for (const PodPtr& pod : cluster_.Pods()) ready += IsReady(*pod) ? 1 : 0;
    return ready == 3;
  }));

  const auto image = [](std::string name) {
    return [name](Deployment& d) {
      d.mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0)->set_image(name);
    };
  };
  Change(image("two"));
  ASSERT_TRUE(RolledOut(3));
  for (const PodPtr& pod : cluster_.Pods()) EXPECT_EQ(pod->spec().containers(0).image(), "two");
  EXPECT_EQ(RevisionOf(Web().metadata()), 2);
  EXPECT_EQ(cluster_.server().Count(client::kReplicaSets), 2u);

  Change(image("one"));  // what kubectl rollout undo does
  ASSERT_TRUE(RolledOut(3));
  EXPECT_EQ(RevisionOf(Web().metadata()), 3);
  EXPECT_EQ(cluster_.server().Count(client::kReplicaSets), 2u);
  ASSERT_TRUE(cluster_.Until([&] {
    const Deployment web = Web();
    for (const auto& condition : web.status().conditions()) {
      if (condition.reason() == "NewReplicaSetAvailable") return true;
    }
    return false;
  }));
}

TEST_F(ControllersTest, EndpointsFollowThePods) {
  api::core::v1::Service service;
  service.mutable_metadata()->set_name("web");
  service.mutable_metadata()->set_namespace_("default");
  (*service.mutable_spec()->mutable_selector())["app"] = "web";
  service.mutable_spec()->set_cluster_ip("10.96.0.9");
  auto& port = *service.mutable_spec()->add_ports();
  port.set_port(80);
  port.mutable_target_port()->set_int_val(8080);
  cluster_.server().Put(client::kServices, service);
  ASSERT_TRUE(cluster_.Until([&] { return Slices().size() == 1 && ReadyAddresses() == 0; }));
  cluster_.server().Put(client::kDeployments, MakeDeployment(4));
  ASSERT_TRUE(cluster_.Until([&] { return ReadyInSlices() == 4 && ReadyAddresses() == 4; }));
  Change([](Deployment& d) { d.mutable_spec()->set_replicas(1); });
  ASSERT_TRUE(cluster_.Until([&] { return ReadyInSlices() == 1 && ReadyAddresses() == 1; }));
  const auto slices = Slices();
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].ports(0).port(), 8080);
  EXPECT_EQ(slices[0].metadata().labels().at("kubernetes.io/service-name"), "web");

  cluster_.server().Remove(client::kServices, "default", "web");
  ASSERT_TRUE(cluster_.Until([&] { return Slices().empty() && ReadyAddresses() == -1; }));
}

TEST_F(ControllersTest, DeletingADeploymentTakesItsSetsAndPods) {
  cluster_.server().Put(client::kDeployments, MakeDeployment(3));
  ASSERT_TRUE(RolledOut(3));
  cluster_.server().Remove(client::kDeployments, "default", "web");
  ASSERT_TRUE(cluster_.Until([&] {
    return cluster_.Pods().empty() && cluster_.server().Count(client::kReplicaSets) == 0;
  }));
}

TEST_F(ControllersTest, ARestartChangesNothing) {
  cluster_.server().Put(client::kDeployments, MakeDeployment(3));
  ASSERT_TRUE(RolledOut(3));
  std::set<std::string> before, after;
  for (const PodPtr& pod : cluster_.Pods()) before.insert(pod->metadata().name());
  cluster_.StopControllers();
  cluster_.StartControllers();
  Change([](Deployment& d) { d.mutable_spec()->set_replicas(4); });
  ASSERT_TRUE(RolledOut(4));
  for (const PodPtr& pod : cluster_.Pods()) after.insert(pod->metadata().name());
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

TEST_F(ControllersTest, NamespacesGetTheirDefaultsAndNodesTheirSubnets) {
  ASSERT_TRUE(cluster_.Until([&] {
    for (const char* name : {"default", "kube-system", "kube-public", "kube-node-lease"}) {
      if (cluster_.server().Get(client::kConfigMaps, name, "kube-root-ca.crt") == nullptr ||
          cluster_.server().Get(client::kServiceAccounts, name, "default") == nullptr) {
        return false;
      }
    }
    return true;
  }));
  std::set<std::string> cidrs;
  ASSERT_TRUE(cluster_.Until([&] {
    for (const char* name : {"n1", "n2"}) {
      const auto node = cluster_.server().Get(client::kNodes, "", name);
      cidrs.insert(static_cast<api::core::v1::Node&>(*node).spec().pod_cidr());
    }
    cidrs.erase("");
    return cidrs.size() == 2;
  }));
  EXPECT_THAT(cidrs, testing::ElementsAre("10.244.0.0/24", "10.244.1.0/24"));
}

TEST_F(ControllersTest, ADaemonRunsOnEveryNodeAndFollowsItsTemplate) {
  api::apps::v1::DaemonSet set;
  set.mutable_metadata()->set_name("agent");
  set.mutable_metadata()->set_namespace_("default");
  set.mutable_metadata()->set_generation(1);
  auto& spec = *set.mutable_spec();
  (*spec.mutable_selector()->mutable_match_labels())["app"] = "agent";
  (*spec.mutable_template_()->mutable_metadata()->mutable_labels())["app"] = "agent";
  auto& container = *spec.mutable_template_()->mutable_spec()->add_containers();
  container.set_name("app");
  container.set_image("one");
  spec.mutable_template_()->mutable_spec()->set_scheduler_name("default-scheduler");
  cluster_.server().Put(client::kDaemonSets, set);
  const auto done = [&](int nodes, std::string_view image) {
    return cluster_.Until([&] {
      api::apps::v1::DaemonSet now;
      if (!cluster_.api().Get(client::kDaemonSets, "default", "agent", now).ok()) return false;
      const auto& status = now.status();
      if (status.observed_generation() != now.metadata().generation()) return false;
      if (status.number_available() != nodes || status.updated_number_scheduled() != nodes) {
        return false;
      }
      std::set<std::string> on;
      for (const PodPtr& pod : cluster_.Pods()) {
        if (pod->spec().containers(0).image() != image) return false;
        on.insert(pod->spec().node_name());
      }
      return static_cast<int>(on.size()) == nodes;
    });
  };
  ASSERT_TRUE(done(2, "one"));
  cluster_.AddNode("n3");
  ASSERT_TRUE(done(3, "one"));
  ASSERT_TRUE(cluster_.Until([&] {
    api::apps::v1::DaemonSet now;
    if (!cluster_.api().Get(client::kDaemonSets, "default", "agent", now).ok()) return false;
    now.mutable_metadata()->set_generation(2);
    now.mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0)->set_image(
        "two");
    return cluster_.api().Update(client::kDaemonSets, now, nullptr).ok();
  }));
  ASSERT_TRUE(done(3, "two"));
  EXPECT_EQ(cluster_.server().Count(client::kControllerRevisions), 2u);
  EXPECT_EQ(cluster_.Pods().size(), 3u);
}

TEST_F(ControllersTest, ABudgetKnowsWhatItsDeploymentAsksFor) {
  api::policy::v1::PodDisruptionBudget budget;
  budget.mutable_metadata()->set_name("web");
  budget.mutable_metadata()->set_namespace_("default");
  budget.mutable_spec()->mutable_max_unavailable()->set_int_val(1);
  (*budget.mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "web";
  cluster_.server().Put(client::kPodDisruptionBudgets, budget);
  cluster_.server().Put(client::kDeployments, MakeDeployment(3));
  ASSERT_TRUE(cluster_.Until([&] {
    const auto object = cluster_.server().Get(client::kPodDisruptionBudgets, "default", "web");
    const auto& status = static_cast<api::policy::v1::PodDisruptionBudget&>(*object).status();
    return status.expected_pods() == 3 && status.current_healthy() == 3 &&
           status.desired_healthy() == 2 && status.disruptions_allowed() == 1;
  }));
}

api::core::v1::Node NodeNow(FakeCluster& cluster, std::string_view name) {
  const auto object = cluster.server().Get(client::kNodes, "", name);
  return static_cast<const api::core::v1::Node&>(*object);
}

// What a kubelet says; `beat` is later each time.
void Report(FakeCluster& cluster, std::string_view name, int64_t beat) {
  auto node = NodeNow(cluster, name);
  auto& ready = *node.mutable_status()->mutable_conditions(0);
  ready.set_status("True");
  ready.mutable_last_heartbeat_time()->set_seconds(beat);
  cluster.server().Put(client::kNodes, node);
}

std::set<std::string> TaintsNow(FakeCluster& cluster, std::string_view name) {
  std::set<std::string> out;
  const auto node = NodeNow(cluster, name);
  for (const auto& taint : node.spec().taints()) {
    out.insert(base::StrCat(taint.key(), ":", taint.effect()));
  }
  return out;
}

const std::string kUnreachable = "node.kubernetes.io/unreachable";

TEST_F(ControllersTest, ASilentNodeBecomesUnknownAndTainted) {
  cluster_.StopControllers();
  cluster_.StartControllers({.node_monitor_grace = absl::Milliseconds(500)});
  int64_t beat = 1;
  ASSERT_TRUE(cluster_.Until([&] {
    Report(cluster_, "n2", ++beat);
    return NodeNow(cluster_, "n1").status().conditions(0).status() == "Unknown" &&
           TaintsNow(cluster_, "n1") ==
               std::set{kUnreachable + ":NoSchedule", kUnreachable + ":NoExecute"};
  }));
}

TEST_F(ControllersTest, WhenAllNodesAreSilentNobodyIsEvicted) {
  cluster_.StopControllers();
  cluster_.StartControllers({.node_monitor_grace = absl::Milliseconds(500)});
  ASSERT_TRUE(cluster_.Until([&] {
    return TaintsNow(cluster_, "n1") == std::set{kUnreachable + ":NoSchedule"} &&
           TaintsNow(cluster_, "n2") == std::set{kUnreachable + ":NoSchedule"};
  }));
  // One is back, the other is not: a grace period later it is lost.
  int64_t beat = 1;
  ASSERT_TRUE(cluster_.Until([&] {
    Report(cluster_, "n2", ++beat);
    return TaintsNow(cluster_, "n1").contains(kUnreachable + ":NoExecute");
  }));
}

}  // namespace
}  // namespace berth::controlplane
