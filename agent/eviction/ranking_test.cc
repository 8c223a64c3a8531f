// SPDX-License-Identifier: Apache-2.0
#include "agent/eviction/ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/eviction/local_limits.h"
#include "api/codec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using api::core::v1::Pod;

constexpr int64_t kMi = 1 << 20;

std::shared_ptr<Pod> MakePod(const std::string& name, const std::string& spec) {
  auto pod = std::make_shared<Pod>();
  std::string json =
      base::StrCat("{'metadata':{'name':'", name, "','uid':'", name, "'},'spec':{", spec, "}}");
  std::replace(json.begin(), json.end(), '\'', '"');
  const absl::Status status = api::DecodeJson(json, *pod);
  EXPECT_TRUE(status.ok()) << status;
  return pod;
}

std::string Requests(const std::string& resource, const std::string& amount) {
  return base::StrCat("'containers':[{'name':'app','resources':{'requests':{'", resource, "':'",
                      amount, "'}}}]");
}

Candidate Memory(const std::string& name, int64_t used, const std::string& request,
                 int priority = 0) {
  PodUse use;
  use.memory = used;
  use.containers = {{"app", used, {}, {}}};
  return {MakePod(name, base::StrCat("'priority':", priority, ",", Requests("memory", request))),
          use};
}

std::string Order(Signal signal, std::vector<Candidate> candidates, const DiskLayout& disks = {}) {
  RankForEviction(signal, disks, candidates);
  std::vector<std::string> names;
  for (const auto& candidate : candidates) names.push_back(candidate.pod->metadata().name());
  return base::Join(names, " ");
}

TEST(RankForEviction, WhoUsesMoreThanHeAskedForGoesFirst) {
  EXPECT_EQ(Order(Signal::kMemory,
                  {Memory("modest", 90 * kMi, "100Mi"), Memory("greedy", 30 * kMi, "10Mi", 1000)}),
            "greedy modest");
}

TEST(RankForEviction, ThenTheLowerPriorityThenTheLargerExcess) {
  EXPECT_EQ(Order(Signal::kMemory,
                  {Memory("important", 500 * kMi, "0", 10), Memory("small", 20 * kMi, "0"),
                   Memory("large", 300 * kMi, "0"), Memory("asked", 400 * kMi, "350Mi")}),
            "large asked small important");
}

TEST(RankForEviction, OfWhomNothingIsKnownGoesFirst) {
  EXPECT_EQ(Order(Signal::kMemory, {Memory("known", 500 * kMi, "0"),
                                    {MakePod("unknown", "'priority':5"), std::nullopt}}),
            "unknown known");
}

Candidate Disk(const std::string& name, int64_t rootfs, int64_t logs, int64_t volume) {
  PodUse use;
  use.containers = {{"app", {}, {rootfs, 1}, {logs, 1}}};
  use.volumes["data"] = {volume, 1};
  return {MakePod(name, Requests("ephemeral-storage", "0")), use};
}

TEST(RankForEviction, EachDiskCountsWhatLiesOnIt) {
  const std::vector<Candidate> pods = {Disk("writes", 100, 0, 0), Disk("talks", 0, 50, 0),
                                       Disk("keeps", 0, 0, 70)};
  EXPECT_EQ(Order(Signal::kNodeFs, pods), "writes keeps talks");
  const DiskLayout own_images{.image_fs = true};
  EXPECT_EQ(Order(Signal::kImageFs, pods, own_images), "writes talks keeps");
  EXPECT_EQ(Order(Signal::kNodeFs, pods, own_images), "keeps talks writes");
  EXPECT_EQ(Order(Signal::kNodeFs, pods, {.image_fs = true, .container_fs = true}),
            "writes keeps talks");
}

TEST(RankForEviction, OfProcessesPriorityAndNumberDecide) {
  const auto pod = [](const std::string& name, int64_t processes, int priority) {
    PodUse use;
    use.processes = processes;
    return Candidate{MakePod(name, base::StrCat("'priority':", priority)), use};
  };
  EXPECT_EQ(Order(Signal::kPids, {pod("few", 3, 0), pod("many", 900, 0), pod("high", 9000, 1)}),
            "many few high");
}

TEST(IsCritical, StaticMirroredOrOfTheSystem) {
  EXPECT_FALSE(IsCritical(*MakePod("a", "'priority':1999999999")));
  EXPECT_TRUE(IsCritical(*MakePod("a", "'priority':2000000000")));
  auto mirror = MakePod("a", "'priority':0");
  (*mirror->mutable_metadata()->mutable_annotations())["kubernetes.io/config.mirror"] = "x";
  EXPECT_TRUE(IsCritical(*mirror));
}

TEST(WordsFor, SayWhatWasLowAndWhoTookIt) {
  Threshold threshold;
  threshold.signal = Signal::kMemory;
  threshold.amount = "100Mi";
  const auto words = WordsFor(threshold, {{Signal::kMemory, {52 * kMi, 1000 * kMi}}},
                              Memory("greedy", 300 * kMi, "10Mi"));
  EXPECT_EQ(words.message,
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. "
            "Container app was using 300Mi, request is 10Mi, has larger consumption of memory. ");
  EXPECT_EQ(words.annotations.at("offending_containers"), "app");
  EXPECT_EQ(words.annotations.at("offending_containers_usage"), "300Mi");
  EXPECT_EQ(words.annotations.at("starved_resource"), "memory");
}

TEST(WordsFor, APercentageIsToldAsWhatItComesTo) {
  Threshold threshold;
  threshold.signal = Signal::kNodeFsInodes;
  threshold.amount = "5%";
  EXPECT_EQ(WordsFor(threshold, {{Signal::kNodeFsInodes, {30, 1000}}}, Disk("a", 1, 1, 1)).message,
            "The node was low on resource: inodes. Threshold quantity: 50, available: 30. ");
}

TEST(FindLocalExcess, LimitsOfVolumesContainersAndPods) {
  const auto pod = MakePod(
      "p",
      "'volumes':[{'name':'data','emptyDir':{'sizeLimit':'10Mi'}},{'name':'free','emptyDir':{}}],"
      "'containers':[{'name':'app','resources':{'limits':{'ephemeral-storage':'20Mi'}}},"
      "{'name':'other','resources':{'limits':{'ephemeral-storage':'5Mi'}}}]");
  const auto message = [&](int64_t volume, int64_t rootfs, int64_t logs,
                           const DiskLayout& disks = {}) -> std::string {
    PodUse use;
    use.volumes["data"] = {volume * kMi, 1};
    use.containers = {{"app", {}, {rootfs * kMi, 1}, {logs * kMi, 1}}};
    const auto excess = FindLocalExcess(*pod, use, disks);
    return excess.has_value() ? base::StrCat(excess->signal, ": ", excess->message) : "";
  };
  EXPECT_EQ(message(10, 10, 5), "");
  EXPECT_EQ(message(11, 0, 0),
            "emptydirfs.limit: Usage of EmptyDir volume \"data\" exceeds the limit \"10Mi\". ");
  EXPECT_EQ(message(10, 16, 0),
            "ephemeralpodfs.limit: Pod ephemeral local storage usage exceeds the total limit of "
            "containers 25Mi. ");
  EXPECT_EQ(message(0, 19, 2),
            "ephemeralcontainerfs.limit: Container app exceeded its local ephemeral storage limit "
            "\"20Mi\". ");
  // The writable layer is elsewhere.
  EXPECT_EQ(message(0, 19, 2, {.image_fs = true}), "");
  EXPECT_TRUE(HasLocalLimits(*pod));
  EXPECT_FALSE(HasLocalLimits(*MakePod("q", Requests("ephemeral-storage", "1Gi"))));
}

}  // namespace
}  // namespace berth::agent
