// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/owner_graph.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using Act = CollectPlan::Act;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

OwnedObject Object(std::string uid, std::vector<std::string> owners = {}, bool blocks = true) {
  OwnedObject object;
  object.uid = object.name = uid;
  for (auto& owner : owners) object.owners.push_back({"v1", "Thing", owner, owner, blocks});
  return object;
}

TEST(OwnerGraph, LooksAtDependentsWhenAnOwnerGoes) {
  OwnerGraph graph;
  graph.Set(Object("owner"));
  graph.Set(Object("a", {"owner"}));
  graph.Set(Object("b", {"owner", "other"}));
  EXPECT_THAT(graph.Remove("owner"), UnorderedElementsAre("a", "b"));
  EXPECT_FALSE(graph.Find("owner").has_value());
}

TEST(OwnerGraph, ForgetsReferencesThatWereTakenOff) {
  OwnerGraph graph;
  graph.Set(Object("owner"));
  graph.Set(Object("a", {"owner"}));
  graph.Set(Object("a"));
  EXPECT_TRUE(graph.Dependents("owner").empty());
  EXPECT_TRUE(graph.Remove("owner").empty());
}

TEST(OwnerGraph, LooksAtAWaitingOwnerWhenADependentGoes) {
  OwnerGraph graph;
  OwnedObject owner = Object("owner");
  owner.deleting = owner.foreground = true;
  graph.Set(owner);
  graph.Set(Object("a", {"owner"}));
  EXPECT_THAT(graph.Remove("a"), ElementsAre("owner"));
}

TEST(PlanCollection, DeletesOnlyWhatNobodyOwnsAnyMore) {
  const OwnedObject object = Object("a", {"x", "y"});
  using S = OwnerState;
  EXPECT_EQ(PlanCollection(object, {S::kSolid, S::kSolid}, {}).act, Act::kNothing);
  const CollectPlan drop = PlanCollection(object, {S::kSolid, S::kAbsent}, {});
  EXPECT_EQ(drop.act, Act::kDropOwners);
  EXPECT_THAT(drop.drop, ElementsAre("y"));
  const CollectPlan gone = PlanCollection(object, {S::kAbsent, S::kAbsent}, {});
  EXPECT_EQ(gone.act, Act::kDelete);
  EXPECT_EQ(gone.policy, "Background");
  EXPECT_EQ(PlanCollection(Object("a"), {}, {}).act, Act::kNothing);
}

TEST(PlanCollection, CarriesForegroundDeletionDown) {
  const OwnedObject object = Object("a", {"x"});
  EXPECT_EQ(PlanCollection(object, {OwnerState::kWaiting}, {Object("b", {"a"})}).policy,
            "Foreground");
  EXPECT_EQ(PlanCollection(object, {OwnerState::kWaiting}, {}).policy, "Background");
  OwnedObject owner = Object("x");
  owner.deleting = owner.foreground = true;
  EXPECT_EQ(PlanCollection(owner, {}, {Object("a", {"x"})}).act, Act::kAskDependents);
  EXPECT_EQ(PlanCollection(owner, {}, {}).act, Act::kReleaseOwner);
}

TEST(PlanCollection, OrphansWhenAsked) {
  OwnedObject owner = Object("x");
  owner.orphaning = true;
  EXPECT_EQ(PlanCollection(owner, {}, {}).act, Act::kNothing);
  owner.deleting = true;
  EXPECT_EQ(PlanCollection(owner, {}, {Object("a", {"x"})}).act, Act::kOrphan);
}

}  // namespace
}  // namespace berth::controlplane
