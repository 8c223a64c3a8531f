// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/node_health.h"

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/pod_state.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Node;
using api::core::v1::Pod;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

Node MakeNode(std::string_view type, std::string_view status) {
  Node node;
  if (type.empty()) return node;
  auto& condition = *node.mutable_status()->add_conditions();
  condition.set_type(std::string(type));
  condition.set_status(std::string(status));
  return node;
}

std::vector<std::string> Taints(const Node& node) {
  std::vector<std::string> out;
  for (const auto& taint : node.spec().taints()) {
    out.push_back(base::StrCat(base::SplitOnce(taint.key(), '/').second.value_or(taint.key()), ":",
                               taint.effect()));
  }
  return out;
}

using testing::ElementsAre;
using testing::IsEmpty;

TEST(UpdateTaints, FollowsTheConditions) {
  Node node = MakeNode("Ready", "False");
  EXPECT_TRUE(UpdateTaints(kNow, node));
  EXPECT_THAT(Taints(node), ElementsAre("not-ready:NoSchedule", "not-ready:NoExecute"));
  EXPECT_FALSE(UpdateTaints(kNow, node));
  node.mutable_status()->mutable_conditions(0)->set_status("Unknown");
  UpdateTaints(kNow, node);
  EXPECT_THAT(Taints(node), ElementsAre("unreachable:NoSchedule", "unreachable:NoExecute"));
  node.mutable_status()->mutable_conditions(0)->set_status("True");
  UpdateTaints(kNow, node);
  EXPECT_THAT(Taints(node), IsEmpty());
}

TEST(UpdateTaints, EvictsNobodyWhenItMustNot) {
  Node node = MakeNode("Ready", "Unknown");
  UpdateTaints(kNow, node);
  EXPECT_TRUE(UpdateTaints(kNow, node, /*evict=*/false));
  EXPECT_THAT(Taints(node), ElementsAre("unreachable:NoSchedule"));
}

TEST(UpdateTaints, KeepsForeignTaintsAndMarksCordonsAndPressure) {
  Node node = MakeNode("DiskPressure", "True");
  auto& foreign = *node.mutable_spec()->add_taints();
  foreign.set_key("example.com/mine");
  foreign.set_effect("NoExecute");
  node.mutable_spec()->set_unschedulable(true);
  UpdateTaints(kNow, node);
  EXPECT_THAT(Taints(node), ElementsAre("mine:NoExecute", "not-ready:NoSchedule",
                                        "disk-pressure:NoSchedule", "unschedulable:NoSchedule"));
}

TEST(MarkUnknown, TellsSilenceFromNeverHavingReported) {
  Node node = MakeNode("Ready", "True");
  EXPECT_TRUE(MarkUnknown(kNow, node));
  ASSERT_EQ(node.status().conditions_size(), 4);
  EXPECT_EQ(node.status().conditions(0).reason(), "NodeStatusUnknown");
  EXPECT_EQ(node.status().conditions(0).message(), "Kubelet stopped posting node status.");
  EXPECT_EQ(node.status().conditions(1).reason(), "NodeStatusNeverUpdated");
  EXPECT_FALSE(MarkUnknown(kNow + absl::Seconds(1), node));
}

TEST(EvictionTime, HonoursTolerations) {
  Node node = MakeNode("Ready", "Unknown");
  UpdateTaints(kNow, node);
  Pod pod;
  EXPECT_EQ(EvictionTime(pod, node, kNow), absl::InfinitePast());
  auto& toleration = *pod.mutable_spec()->add_tolerations();
  toleration.set_key("node.kubernetes.io/unreachable");
  toleration.set_operator_("Exists");
  toleration.set_effect("NoExecute");
  EXPECT_EQ(EvictionTime(pod, node, kNow), absl::InfiniteFuture());
  toleration.set_toleration_seconds(300);
  EXPECT_EQ(EvictionTime(pod, node, kNow + absl::Seconds(9)), kNow + absl::Seconds(300));
  *pod.mutable_spec()->add_tolerations() = toleration;
  pod.mutable_spec()->mutable_tolerations(1)->set_toleration_seconds(20);
  EXPECT_EQ(EvictionTime(pod, node, kNow), kNow + absl::Seconds(20));
  EXPECT_EQ(EvictionTime(pod, MakeNode("Ready", "True"), kNow), absl::InfiniteFuture());
}

TEST(FreeSubnet, GivesTheFirstThatIsFree) {
  EXPECT_EQ(*FreeSubnet("10.244.0.0/16", 24, {}), "10.244.0.0/24");
  EXPECT_EQ(*FreeSubnet("10.244.0.0/16", 24, {"10.244.0.0/24", "10.244.2.0/24"}), "10.244.1.0/24");
  EXPECT_EQ(*FreeSubnet("10.244.7.9/30", 30, {}), "10.244.7.8/30");
  EXPECT_TRUE(absl::IsResourceExhausted(FreeSubnet("10.0.0.0/24", 24, {"10.0.0.0/24"}).status()));
  for (const char* bad : {"", "10.244.0.0", "10.244.0/16", "10.244.0.0/33", "fd00::/64"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(FreeSubnet(bad, 24, {}).status())) << bad;
  }
}

}  // namespace
}  // namespace berth::controlplane
