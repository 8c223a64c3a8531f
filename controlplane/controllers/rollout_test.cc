// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/rollout.h"

#include <algorithm>
#include <map>
#include <random>

#include "api/proto/apps/v1/apps.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/deployment_sets.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::Deployment;
using api::apps::v1::ReplicaSet;

api::IntOrString Amount(std::string_view text) {
  api::IntOrString value;
  if (text.ends_with('%')) {
    value.set_type(1);
    value.set_str_val(std::string(text));
  } else {
    value.set_type(0);
    value.set_int_val(base::ParseInt<int>(text).value_or(0));
  }
  return value;
}

Deployment MakeDeployment(int replicas, std::string_view surge, std::string_view unavailable) {
  Deployment deployment;
  deployment.mutable_metadata()->set_name("web");
  deployment.mutable_metadata()->set_uid("web-uid");
  deployment.mutable_spec()->set_replicas(replicas);
  auto& rolling = *deployment.mutable_spec()->mutable_strategy()->mutable_rolling_update();
  deployment.mutable_spec()->mutable_strategy()->set_type("RollingUpdate");
  *rolling.mutable_max_surge() = Amount(surge);
  *rolling.mutable_max_unavailable() = Amount(unavailable);
  return deployment;
}

ReplicaSet MakeSet(const Deployment& deployment, std::string_view name, int replicas, int available,
                   int64_t created) {
  ReplicaSet set;
  Resize(deployment, replicas, set);
  set.mutable_metadata()->set_name(std::string(name));
  set.mutable_metadata()->mutable_creation_timestamp()->set_seconds(created);
  set.mutable_status()->set_replicas(replicas);
  set.mutable_status()->set_available_replicas(available);
  return set;
}

std::map<std::string, int> ByName(const std::vector<SetSize>& sizes) {
  std::map<std::string, int> out;
  for (const auto& size : sizes) out[size.set->metadata().name()] = size.replicas;
  return out;
}

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(RolloutFences, RoundSurgeUpAndUnavailableDown) {
  struct Case {
    int replicas;
    std::string_view surge, unavailable;
    int want_surge, want_unavailable;
  };
  for (const Case& c : std::vector<Case>{{4, "25%", "25%", 1, 1},
                                         {10, "25%", "25%", 3, 2},
                                         {1, "25%", "25%", 1, 0},
                                         {3, "0", "0", 0, 1},
                                         {3, "0", "10%", 0, 1},
                                         {2, "1", "5", 1, 2},
                                         {0, "25%", "25%", 0, 0},
                                         {7, "100%", "0%", 7, 0}}) {
    const Deployment deployment = MakeDeployment(c.replicas, c.surge, c.unavailable);
    EXPECT_EQ(MaxSurge(deployment), c.want_surge) << c.replicas << c.surge;
    EXPECT_EQ(MaxUnavailable(deployment), c.want_unavailable) << c.replicas << c.unavailable;
  }
}

TEST(RolloutFences, DefaultToAQuarterAndAreZeroForRecreate) {
  Deployment deployment;
  deployment.mutable_spec()->set_replicas(8);
  EXPECT_EQ(MaxSurge(deployment), 2);
  EXPECT_EQ(MaxUnavailable(deployment), 2);
  deployment.mutable_spec()->mutable_strategy()->set_type("Recreate");
  EXPECT_EQ(MaxSurge(deployment), 0);
  EXPECT_EQ(MaxUnavailable(deployment), 0);
}

TEST(RollingStep, GrowsTheCurrentSetIntoTheSurgeFirst) {
  const Deployment d = MakeDeployment(4, "1", "1");
  const ReplicaSet old = MakeSet(d, "old", 4, 4, 1), current = MakeSet(d, "new", 0, 0, 2);
  EXPECT_THAT(ByName(PlanRollingStep(d, {&current, {&old}})), ElementsAre(Pair("new", 1)));
}

TEST(RollingStep, ShrinksOldSetsWhenTheCurrentOneCannotGrow) {
  const Deployment d = MakeDeployment(4, "1", "1");
  const ReplicaSet old = MakeSet(d, "old", 4, 4, 1), current = MakeSet(d, "new", 1, 0, 2);
  EXPECT_THAT(ByName(PlanRollingStep(d, {&current, {&old}})), ElementsAre(Pair("old", 3)));
}

TEST(RollingStep, DropsUnhealthyOldPodsBeforeHealthyOnes) {
  const Deployment d = MakeDeployment(4, "0", "1");
  const ReplicaSet broken = MakeSet(d, "broken", 1, 0, 2), good = MakeSet(d, "good", 3, 3, 1),
                   current = MakeSet(d, "new", 0, 0, 3);
  EXPECT_THAT(ByName(PlanRollingStep(d, {&current, {&good, &broken}})),
              ElementsAre(Pair("broken", 0)));
}

TEST(RollingStep, DoesNothingWhileTooFewPodsAreAvailable) {
  const Deployment d = MakeDeployment(4, "1", "0");
  const ReplicaSet old = MakeSet(d, "old", 4, 4, 1), current = MakeSet(d, "new", 1, 0, 2);
  EXPECT_THAT(PlanRollingStep(d, {&current, {&old}}), IsEmpty());
}

TEST(RollingStep, CountsNoPodThatAShrinkingSetIsAboutToLose) {
  const Deployment d = MakeDeployment(4, "1", "1");
  ReplicaSet old = MakeSet(d, "old", 4, 4, 1);
  Resize(d, 3, old);  // the status still says 4 available
  const ReplicaSet current = MakeSet(d, "new", 2, 1, 2);
  EXPECT_THAT(ByName(PlanRollingStep(d, {&current, {&old}})), ElementsAre(Pair("old", 2)));
}

TEST(RecreateStep, WaitsUntilNoOldPodRuns) {
  Deployment d = MakeDeployment(3, "1", "1");
  d.mutable_spec()->mutable_strategy()->set_type("Recreate");
  const ReplicaSet old = MakeSet(d, "old", 3, 3, 1), gone = MakeSet(d, "old", 0, 0, 1),
                   current = MakeSet(d, "new", 0, 0, 2);
  EXPECT_THAT(ByName(PlanRecreateStep(d, {&current, {&old}}, true)), ElementsAre(Pair("old", 0)));
  EXPECT_THAT(PlanRecreateStep(d, {&current, {&gone}}, true), IsEmpty());
  EXPECT_THAT(ByName(PlanRecreateStep(d, {&current, {&gone}}, false)), ElementsAre(Pair("new", 3)));
}

TEST(Scale, GivesASingleActiveSetEverything) {
  const Deployment before = MakeDeployment(4, "1", "1"), d = MakeDeployment(7, "1", "1");
  const ReplicaSet current = MakeSet(before, "new", 4, 4, 2), old = MakeSet(before, "old", 0, 0, 1);
  const RolloutSets sets{&current, {&old}};
  EXPECT_TRUE(NeedsScale(d, sets));
  EXPECT_FALSE(NeedsScale(before, sets));
  EXPECT_THAT(ByName(PlanScale(d, sets)), ElementsAre(Pair("new", 7)));
}

TEST(Scale, SharesInProportionDuringARollout) {
  const Deployment before = MakeDeployment(10, "3", "2"), d = MakeDeployment(20, "3", "2");
  const ReplicaSet current = MakeSet(before, "new", 5, 2, 2), old = MakeSet(before, "old", 8, 8, 1);
  // 13 pods become 23: old 8*23/13 = 14, new 5*23/13 = 9.
  EXPECT_THAT(ByName(PlanScale(d, {&current, {&old}})),
              ElementsAre(Pair("new", 9), Pair("old", 14)));
  const Deployment zero = MakeDeployment(0, "3", "2");
  EXPECT_THAT(ByName(PlanScale(zero, {&current, {&old}})),
              ElementsAre(Pair("new", 0), Pair("old", 0)));
}

TEST(Scale, RetiresOldSetsOnceTheCurrentOneIsSaturated) {
  const Deployment d = MakeDeployment(4, "1", "1");
  const ReplicaSet current = MakeSet(d, "new", 4, 4, 2), old = MakeSet(d, "old", 1, 1, 1);
  EXPECT_THAT(ByName(PlanScale(d, {&current, {&old}})), ElementsAre(Pair("old", 0)));
}

TEST(History, KeepsTheNewestAndWhatHoldsPods) {
  Deployment d = MakeDeployment(4, "1", "1");
  d.mutable_spec()->set_revision_history_limit(1);
  std::vector<ReplicaSet> sets;
  for (int i = 0; i < 4; ++i) {
    sets.push_back(MakeSet(d, base::StrCat("rs", i), i == 1 ? 1 : 0, 0, i));
    (*sets[i].mutable_metadata()->mutable_annotations())[std::string(kRevisionAnnotation)] =
        base::StrCat(9 + i);  // 9, 10: numbers, not texts
  }
  const auto gone = PlanHistoryCleanup(d, {&sets[3], &sets[2], &sets[1], &sets[0]});
  ASSERT_EQ(gone.size(), 2u);
  EXPECT_EQ(gone[0]->metadata().name(), "rs0");
  EXPECT_EQ(gone[1]->metadata().name(), "rs2");
}

// Sets whose pods start, become available, die and go away at random, driven by the plans alone.
class World {
 public:
  World(unsigned seed, int replicas, std::string_view surge, std::string_view unavailable)
      : random_(seed), deployment_(MakeDeployment(replicas, surge, unavailable)) {
    AddSet();
    Live& first = sets_.front();
    Resize(deployment_, replicas, first.set);
    first.available = first.pods = replicas;
  }

  void AddSet() {
    sets_.push_back({MakeSet(deployment_, base::StrCat("rs", sets_.size()), 0, 0,
                             static_cast<int64_t>(sets_.size())),
                     0, 0});
  }
  // A change of the template: a new set, or one that was there before (an undo).
  void ChangeTemplate() {
    if (Chance(3) && sets_.size() > 1) {
      current_ = random_() % sets_.size();
    } else {
      AddSet();
      current_ = sets_.size() - 1;
    }
  }

  bool Step() {
    switch (random_() % 4) {
      case 0:
        return Decide();
      case 1:
        return Report();
      default:
        return Live1();
    }
  }
  // Each in turn until nothing moves; the number of rounds is bounded.
  bool Converge() {
    for (int round = 0; round < 1000; ++round) {
      bool moved = Decide();
      for (Live& live : sets_) moved |= Run(live);
      moved |= Report();
      if (!moved) return true;
    }
    return false;
  }
  void Check() const {
    int wanted = 0, available = 0;
    for (const Live& live : sets_) {
      wanted += ReplicasOf(live.set);
      available += live.available;
    }
    ASSERT_LE(wanted, ReplicasOf(deployment_) + MaxSurge(deployment_));
    ASSERT_GE(available, ReplicasOf(deployment_) - MaxUnavailable(deployment_));
  }
  void ExpectDone() const {
    for (size_t i = 0; i < sets_.size(); ++i) {
      EXPECT_EQ(sets_[i].available, i == current_ ? ReplicasOf(deployment_) : 0) << i;
    }
  }

 private:
  struct Live {
    ReplicaSet set;
    int pods, available;
  };
  bool Chance(int one_in) { return random_() % one_in == 0; }

  bool Decide() {
    RolloutSets sets;
    for (size_t i = 0; i < sets_.size(); ++i) {
      if (i == current_) {
        sets.current = &sets_[i].set;
      } else {
        sets.old.push_back(&sets_[i].set);
      }
    }
    const auto plan = PlanRollingStep(deployment_, sets);
    for (const SetSize& size : plan) {
      for (Live& live : sets_) {
        if (&live.set != size.set) continue;
        Resize(deployment_, size.replicas, live.set);
        live.set.mutable_metadata()->set_generation(live.set.metadata().generation() + 1);
      }
    }
    return !plan.empty();
  }
  bool Report() {
    bool moved = false;
    for (Live& live : sets_) {
      auto& status = *live.set.mutable_status();
      moved |= status.observed_generation() != live.set.metadata().generation() ||
               status.replicas() != live.pods || status.available_replicas() != live.available;
      status.set_observed_generation(live.set.metadata().generation());
      status.set_replicas(live.pods);
      status.set_available_replicas(live.available);
    }
    return moved;
  }
  // One set does one thing.
  bool Live1() {
    Live& live = sets_[random_() % sets_.size()];
    return Run(live);
  }
  bool Run(Live& live) {
    const int wanted = ReplicasOf(live.set);
    if (live.pods > wanted) {  // unavailable ones go first
      if (live.available == live.pods) --live.available;
      --live.pods;
      return true;
    }
    if (live.pods < wanted) return ++live.pods, true;
    if (live.available < live.pods) return ++live.available, true;
    return false;
  }

  std::mt19937 random_;
  Deployment deployment_;
  std::vector<Live> sets_;
  size_t current_ = 0;
};

TEST(RollingUpdate, ConvergesWithinTheFencesWhateverTheOrderOfEvents) {
  const std::vector<std::string_view> amounts = {"0", "1", "2", "25%", "100%"};
  for (unsigned seed = 0; seed < 400; ++seed) {
    std::mt19937 random(seed);
    World world(seed, static_cast<int>(random() % 12), amounts[random() % 5],
                amounts[random() % 5]);
    for (int change = 0; change < 3; ++change) {
      world.ChangeTemplate();
      const int steps = static_cast<int>(random() % 200);
      for (int i = 0; i < steps; ++i) {
        world.Step();
        ASSERT_NO_FATAL_FAILURE(world.Check()) << "seed " << seed;
      }
    }
    ASSERT_TRUE(world.Converge()) << "seed " << seed;
    world.ExpectDone();
  }
}

}  // namespace
}  // namespace berth::controlplane
