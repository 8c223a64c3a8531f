// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/decide.h"

#include <functional>
#include <map>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;

NodePtr MakeNode(std::string_view name, const std::function<void(Node&)>& change = {}) {
  Node node;
  node.mutable_metadata()->set_name(std::string(name));
  (*node.mutable_metadata()->mutable_labels())["kubernetes.io/hostname"] = std::string(name);
  auto& allocatable = *node.mutable_status()->mutable_allocatable();
  allocatable["cpu"].set_string("2");
  allocatable["memory"].set_string("4Gi");
  allocatable["pods"].set_string("110");
  if (change) change(node);
  return std::make_shared<Node>(std::move(node));
}

PodPtr MakePod(std::string_view name, const std::function<void(Pod&)>& change = {}) {
  Pod pod;
  pod.mutable_metadata()->set_name(std::string(name));
  pod.mutable_metadata()->set_uid(std::string(name));
  pod.mutable_metadata()->set_namespace_("default");
  pod.mutable_spec()->add_containers()->set_name("app");
  if (change) change(pod);
  return std::make_shared<Pod>(std::move(pod));
}

std::function<void(Pod&)> Cpu(std::string text) {
  return [text](Pod& pod) {
    (*pod.mutable_spec()->mutable_containers(0)->mutable_resources()->mutable_requests())["cpu"]
        .set_string(text);
  };
}

std::function<void(Pod&)> OwnedBy(std::string uid) {
  return [uid](Pod& pod) {
    auto& owner = *pod.mutable_metadata()->add_owner_references();
    owner.set_uid(uid);
    owner.set_controller(true);
  };
}

std::function<void(Pod&)> Label(std::string key, std::string value) {
  return [=](Pod& pod) { (*pod.mutable_metadata()->mutable_labels())[key] = value; };
}

ClusterSnapshot TwoNodes() {
  ClusterSnapshot cluster;
  cluster.SetNode(MakeNode("n1"));
  cluster.SetNode(MakeNode("n2"));
  return cluster;
}

TEST(DecideNode, SpreadsReplicasEvenlyOverEqualNodes) {
  ClusterSnapshot cluster = TwoNodes();
  std::map<std::string, int> count;
  for (int i = 0; i < 4; ++i) {
    const PodPtr pod = MakePod(base::StrCat("p", i), OwnedBy("rs"));
    const Decision decision = DecideNode(pod, cluster);
    ++count[decision.node];
    cluster.Place(pod, decision.node);
  }
  EXPECT_THAT(count, testing::ElementsAre(testing::Pair("n1", 2), testing::Pair("n2", 2)));
}

TEST(DecideNode, SpreadsAnOwnersPodsEvenWhenOneNodeIsBusier) {
  ClusterSnapshot cluster = TwoNodes();
  cluster.Place(MakePod("busy", Cpu("800m")), "n1");
  std::map<std::string, int> count;
  for (int i = 0; i < 4; ++i) {
    const PodPtr pod = MakePod(base::StrCat("p", i), OwnedBy("rs"));
    const Decision decision = DecideNode(pod, cluster);
    ++count[decision.node];
    cluster.Place(pod, decision.node);
  }
  EXPECT_EQ(count["n1"], 2);
  EXPECT_EQ(count["n2"], 2);
}

TEST(DecideNode, PrefersRoomAndBreaksTiesByName) {
  ClusterSnapshot cluster = TwoNodes();
  EXPECT_EQ(DecideNode(MakePod("a"), cluster).node, "n1");
  cluster.Place(MakePod("busy", Cpu("1")), "n1");
  EXPECT_EQ(DecideNode(MakePod("a"), cluster).node, "n2");
  cluster.Remove("busy");
  EXPECT_EQ(DecideNode(MakePod("a"), cluster).node, "n1");
}

TEST(DecideNode, SaysThatThereAreNoNodes) {
  EXPECT_EQ(DecideNode(MakePod("a"), {}).message, "no nodes available to schedule pods");
}

TEST(DecideNode, ExplainsLikeUpstream) {
  ClusterSnapshot cluster = TwoNodes();
  cluster.Place(MakePod("x", Cpu("1500m")), "n1");
  cluster.Place(MakePod("y", Cpu("1500m")), "n2");
  EXPECT_EQ(
      DecideNode(MakePod("a", Cpu("1")), cluster).message,
      "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 No "
      "preemption victims found for incoming pod.");
  EXPECT_EQ(DecideNode(MakePod("a", Cpu("3")), cluster).message,
            "0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: 2 "
            "Preemption is not helpful for scheduling.");
}

struct FilterCase {
  std::string name;
  std::function<void(Pod&)> pod;
  std::function<void(Node&)> node;
  std::string reason;  // "" fits
};

void AddTaint(Node& node, std::string key, std::string value, std::string effect) {
  auto& taint = *node.mutable_spec()->add_taints();
  taint.set_key(key);
  taint.set_value(value);
  taint.set_effect(effect);
}

void AddToleration(Pod& pod, std::string key, std::string op, std::string value,
                   std::string effect) {
  auto& toleration = *pod.mutable_spec()->add_tolerations();
  toleration.set_key(key);
  toleration.set_operator_(op);
  toleration.set_value(value);
  toleration.set_effect(effect);
}

void RequireNode(Pod& pod, std::string key, std::string op, std::vector<std::string> values) {
  auto& requirement = *pod.mutable_spec()
                           ->mutable_affinity()
                           ->mutable_node_affinity()
                           ->mutable_required_during_scheduling_ignored_during_execution()
                           ->add_node_selector_terms()
                           ->add_match_expressions();
  requirement.set_key(key);
  requirement.set_operator_(op);
  for (auto& value : values) requirement.add_values(value);
}

TEST(CheckNode, AppliesEveryFilter) {
  const auto zone = [](Node& n) { (*n.mutable_metadata()->mutable_labels())["zone"] = "7"; };
  const std::string affinity = "node(s) didn't match Pod's node affinity/selector";
  const std::vector<FilterCase> cases = {
      {"plain", {}, {}, ""},
      {"cordoned",
       {},
       [](Node& n) { n.mutable_spec()->set_unschedulable(true); },
       "node(s) were unschedulable"},
      {"other name",
       [](Pod& p) { p.mutable_spec()->set_node_name("else"); },
       {},
       "node(s) didn't match the requested node name"},
      {"not ready",
       {},
       [](Node& n) { AddTaint(n, "node.kubernetes.io/not-ready", "", "NoSchedule"); },
       "node(s) had untolerated taint {node.kubernetes.io/not-ready: }"},
      {"soft taint", {}, [](Node& n) { AddTaint(n, "k", "v", "PreferNoSchedule"); }, ""},
      {"tolerated", [](Pod& p) { AddToleration(p, "k", "Equal", "v", "NoSchedule"); },
       [](Node& n) { AddTaint(n, "k", "v", "NoSchedule"); }, ""},
      {"tolerates another value", [](Pod& p) { AddToleration(p, "k", "", "w", ""); },
       [](Node& n) { AddTaint(n, "k", "v", "NoExecute"); }, "node(s) had untolerated taint {k: v}"},
      {"tolerates everything", [](Pod& p) { AddToleration(p, "", "Exists", "", ""); },
       [](Node& n) { AddTaint(n, "k", "v", "NoExecute"); }, ""},
      {"selector", [](Pod& p) { (*p.mutable_spec()->mutable_node_selector())["zone"] = "7"; }, zone,
       ""},
      {"selector unmet", [](Pod& p) { (*p.mutable_spec()->mutable_node_selector())["zone"] = "8"; },
       zone, affinity},
      {"in",
       [](Pod& p) {
         RequireNode(p, "zone", "In", {"6", "7"});
       },
       zone, ""},
      {"not in", [](Pod& p) { RequireNode(p, "zone", "NotIn", {"7"}); }, zone, affinity},
      {"gt", [](Pod& p) { RequireNode(p, "zone", "Gt", {"6"}); }, zone, ""},
      {"lt", [](Pod& p) { RequireNode(p, "zone", "Lt", {"7"}); }, zone, affinity},
      {"too many pods",
       {},
       [](Node& n) { (*n.mutable_status()->mutable_allocatable())["pods"].set_string("0"); },
       "Too many pods"},
      {"memory",
       [](Pod& p) {
         (*p.mutable_spec()
               ->mutable_containers(0)
               ->mutable_resources()
               ->mutable_requests())["memory"]
             .set_string("5Gi");
       },
       {},
       "Insufficient memory"},
      {"unknown resource",
       [](Pod& p) {
         (*p.mutable_spec()
               ->mutable_containers(0)
               ->mutable_resources()
               ->mutable_requests())["example.com/gpu"]
             .set_string("1");
       },
       {},
       "Insufficient example.com/gpu"},
  };
  for (const FilterCase& c : cases) {
    ClusterSnapshot cluster;
    cluster.SetNode(MakeNode("n1", c.node));
    const Decision decision = DecideNode(MakePod("a", c.pod), cluster);
    if (c.reason.empty()) {
      EXPECT_EQ(decision.node, "n1") << c.name << ": " << decision.message;
    } else {
      EXPECT_THAT(decision.message, testing::StartsWith(base::StrCat("0/1 nodes are available: 1 ",
                                                                     c.reason, ". preemption")))
          << c.name;
    }
  }
}

TEST(CheckNode, KeepsHostPortsApart) {
  const auto port = [](std::string address, std::string protocol) {
    return [=](Pod& pod) {
      auto& p = *pod.mutable_spec()->mutable_containers(0)->add_ports();
      p.set_host_port(80);
      p.set_host_ip(address);
      p.set_protocol(protocol);
    };
  };
  ClusterSnapshot cluster;
  cluster.SetNode(MakeNode("n1"));
  cluster.Place(MakePod("x", port("10.0.0.1", "TCP")), "n1");
  EXPECT_EQ(DecideNode(MakePod("a", port("10.0.0.2", "TCP")), cluster).node, "n1");
  EXPECT_EQ(DecideNode(MakePod("a", port("", "UDP")), cluster).node, "n1");
  EXPECT_THAT(DecideNode(MakePod("a", port("", "")), cluster).message,
              testing::HasSubstr("didn't have free ports"));
}

TEST(Requests, TakeTheHungriestInitContainerOrTheSum) {
  const PodPtr pod = MakePod("a", [](Pod& p) {
    const auto add = [](auto* container, std::string cpu, std::string restart) {
      (*container->mutable_resources()->mutable_requests())["cpu"].set_string(cpu);
      container->set_restart_policy(restart);
    };
    add(p.mutable_spec()->mutable_containers(0), "200m", "");
    add(p.mutable_spec()->add_containers(), "300m", "");
    add(p.mutable_spec()->add_init_containers(), "600m", "");
    add(p.mutable_spec()->add_init_containers(), "100m", "Always");  // a sidecar
    add(p.mutable_spec()->add_init_containers(), "550m", "");
    (*p.mutable_spec()->mutable_overhead())["cpu"].set_string("50m");
  });
  // max(200+300+100, max(600, 100, 100+550)) + 50
  EXPECT_EQ(RequestsOf(*pod, Missing::kZero).Get("cpu"), 700);
}

auto* AddTerm(Pod& pod, bool anti, std::string key, std::string value) {
  auto& affinity = *pod.mutable_spec()->mutable_affinity();
  auto* term = anti ? affinity.mutable_pod_anti_affinity()
                          ->add_required_during_scheduling_ignored_during_execution()
                    : affinity.mutable_pod_affinity()
                          ->add_required_during_scheduling_ignored_during_execution();
  term->set_topology_key("kubernetes.io/hostname");
  (*term->mutable_label_selector()->mutable_match_labels())[key] = value;
  return term;
}

TEST(PodAffinity, GoesWhereTheOtherPodIs) {
  ClusterSnapshot cluster = TwoNodes();
  cluster.Place(MakePod("db", Label("app", "db")), "n2");
  const auto near = [](Pod& p) { AddTerm(p, false, "app", "db"); };
  EXPECT_EQ(DecideNode(MakePod("a", near), cluster).node, "n2");
  cluster.Remove("db");
  EXPECT_THAT(DecideNode(MakePod("a", near), cluster).message,
              testing::HasSubstr("2 node(s) didn't match pod affinity rules"));
}

TEST(PodAffinity, LetsTheFirstPodOfAGroupStart) {
  const auto together = [](Pod& p) {
    (*p.mutable_metadata()->mutable_labels())["app"] = "db";
    AddTerm(p, false, "app", "db");
  };
  EXPECT_EQ(DecideNode(MakePod("a", together), TwoNodes()).node, "n1");
}

TEST(PodAffinity, KeepsApartInBothDirections) {
  ClusterSnapshot cluster = TwoNodes();
  const auto apart = [](Pod& p) {
    (*p.mutable_metadata()->mutable_labels())["app"] = "db";
    AddTerm(p, true, "app", "db");
  };
  cluster.Place(MakePod("a", apart), "n1");
  EXPECT_EQ(DecideNode(MakePod("b", apart), cluster).node, "n2");
  EXPECT_EQ(DecideNode(MakePod("c", Label("app", "db")), cluster).node, "n2");
  cluster.Place(MakePod("b", apart), "n2");
  EXPECT_THAT(DecideNode(MakePod("c", apart), cluster).message,
              testing::HasSubstr("2 node(s) didn't match pod anti-affinity rules"));
  EXPECT_THAT(DecideNode(MakePod("c", Label("app", "db")), cluster).message,
              testing::HasSubstr("2 node(s) didn't satisfy existing pods anti-affinity rules"));
}

TEST(PodAffinity, SpeaksOfItsOwnNamespaceUnlessTold) {
  ClusterSnapshot cluster = TwoNodes();
  cluster.SetNamespaceLabels("other", {{"team", "x"}});
  cluster.Place(MakePod("db",
                        [](Pod& p) {
                          p.mutable_metadata()->set_namespace_("other");
                          (*p.mutable_metadata()->mutable_labels())["app"] = "db";
                        }),
                "n1");
  const auto apart = [](Pod& p) { AddTerm(p, true, "app", "db"); };
  EXPECT_EQ(DecideNode(MakePod("a", apart), cluster).node, "n2");  // more room there
  cluster.Place(MakePod("busy", Cpu("1500m")), "n2");
  EXPECT_EQ(DecideNode(MakePod("a", apart), cluster).node, "n1");
  const auto everywhere = [](Pod& p) {
    auto* term = AddTerm(p, true, "app", "db");
    (*term->mutable_namespace_selector()->mutable_match_labels())["team"] = "x";
  };
  EXPECT_EQ(DecideNode(MakePod("a", everywhere), cluster).node, "n2");
}

TEST(TopologySpread, HoldsTheSkew) {
  ClusterSnapshot cluster = TwoNodes();
  cluster.Place(MakePod("busy", Cpu("1800m")), "n2");
  const auto spread = [](Pod& p) {
    (*p.mutable_metadata()->mutable_labels())["app"] = "web";
    auto& rule = *p.mutable_spec()->add_topology_spread_constraints();
    rule.set_max_skew(1);
    rule.set_topology_key("kubernetes.io/hostname");
    rule.set_when_unsatisfiable("DoNotSchedule");
    (*rule.mutable_label_selector()->mutable_match_labels())["app"] = "web";
  };
  cluster.Place(MakePod("a", spread), "n1");
  EXPECT_EQ(DecideNode(MakePod("b", spread), cluster).node, "n2");
  const PodPtr big = MakePod("b", [&](Pod& p) { spread(p), Cpu("500m")(p); });
  EXPECT_THAT(DecideNode(big, cluster).message,
              testing::StartsWith("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't "
                                  "match pod topology spread constraints."));
}

TEST(ClusterSnapshot, ForgetsWhatARemovedPodTook) {
  ClusterSnapshot cluster;
  cluster.Place(MakePod("early", Cpu("1")), "n1");  // before its node is known
  EXPECT_TRUE(cluster.Nodes().empty());
  cluster.SetNode(MakeNode("n1"));
  EXPECT_EQ(cluster.Find("n1")->requested.Get("cpu"), 1000);
  cluster.Place(MakePod("early", Cpu("500m")), "n1");
  EXPECT_EQ(cluster.Find("n1")->requested.Get("cpu"), 500);
  cluster.Remove("early");
  EXPECT_EQ(cluster.Find("n1")->requested.Get("cpu"), 0);
  EXPECT_TRUE(cluster.Find("n1")->pods.empty());
  EXPECT_FALSE(cluster.Holds("early"));
}

}  // namespace
}  // namespace berth::controlplane
