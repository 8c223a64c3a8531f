// SPDX-License-Identifier: Apache-2.0
// pods/eviction through the whole API server; the budgets' status is written by hand.
#include "controlplane/apiserver/api_fixture.h"
#include "gmock/gmock.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kPods[] = "/api/v1/namespaces/default/pods";
constexpr char kBudgets[] = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";

class EvictionTest : public ApiFixture {
 protected:
  void SetUp() override {
    MakeServiceAccount();
    for (const char* name : {"a", "b", "c"}) MakePod(name, true);
  }
  void MakePod(const std::string& name, bool ready) {
    Make(kPods,
         json{{"metadata", {{"name", name}, {"labels", {{"app", "web"}}}}},
              {"spec", {{"nodeName", "n1"}, {"containers", {{{"name", "c"}, {"image", "x"}}}}}}}
             .dump());
    PatchStatus(std::string(kPods) + "/" + name,
                {{"phase", "Running"},
                 {"conditions", {{{"type", "Ready"}, {"status", ready ? "True" : "False"}}}}});
  }
  void PatchStatus(const std::string& target, const json& status) {
    const Answer answer = Call("PATCH", target + "/status", json{{"status", status}}.dump(),
                               "application/merge-patch+json");
    ASSERT_EQ(answer->response().status, 200) << answer->response().body;
  }
  void MakeBudget(const std::string& name, const json& status, const json& more = json::object()) {
    json spec{{"minAvailable", 2}, {"selector", {{"matchLabels", {{"app", "web"}}}}}};
    spec.update(more);
    Make(kBudgets, json{{"metadata", {{"name", name}}}, {"spec", spec}}.dump());
    PatchStatus(std::string(kBudgets) + "/" + name, status);
  }
  Answer Evict(const std::string& name, const std::string& query = "") {
    return Post(std::string(kPods) + "/" + name + "/eviction" + query,
                json{{"apiVersion", "policy/v1"},
                     {"kind", "Eviction"},
                     {"metadata", {{"name", name}, {"namespace", "default"}}}}
                    .dump());
  }
  json Budget(const std::string& name) { return Get(std::string(kBudgets) + "/" + name)->Json(); }
};

json Status(int allowed, int healthy = 3, int desired = 2) {
  return {{"observedGeneration", 1},
          {"disruptionsAllowed", allowed},
          {"currentHealthy", healthy},
          {"desiredHealthy", desired},
          {"expectedPods", 3}};
}

TEST_F(EvictionTest, TakesWhatTheBudgetAllowsAndThenRefuses) {
  MakeBudget("web", Status(1));
  EXPECT_EQ(Evict("a", "?dryRun=All")->response().status, 201);
  EXPECT_EQ(Budget("web")["status"]["disruptionsAllowed"], 1);
  const Answer evicted = Evict("a");
  EXPECT_EQ(evicted->response().status, 201);
  EXPECT_EQ(evicted->Json()["status"], "Success");
  const json pod = Get(std::string(kPods) + "/a")->Json();
  EXPECT_TRUE(pod["metadata"].contains("deletionTimestamp"));
  EXPECT_EQ(pod["status"]["conditions"].back()["reason"], "EvictionByEvictionAPI");
  const json budget = Budget("web");
  EXPECT_EQ(budget["status"]["disruptionsAllowed"], 0);
  EXPECT_TRUE(budget["status"]["disruptedPods"].contains("a"));
  EXPECT_EQ(budget["status"]["conditions"][0]["reason"], "InsufficientPods");

  const Answer refused = Evict("b");
  EXPECT_EQ(refused->response().status, 429);
  EXPECT_EQ(refused->Json()["message"],
            "Cannot evict pod as it would violate the pod's disruption budget.");
  const json cause = refused->Json()["details"]["causes"][0];
  EXPECT_EQ(cause["reason"], "DisruptionBudget");
  EXPECT_EQ(cause["message"], "The disruption budget web needs 2 healthy pods and has 3 currently");
  EXPECT_FALSE(Get(std::string(kPods) + "/b")->Json()["metadata"].contains("deletionTimestamp"));
  // What goes already may be evicted again.
  EXPECT_EQ(Evict("a")->response().status, 201);
}

TEST_F(EvictionTest, ABudgetThatWasNotLookedAtSaysWhenToTryAgain) {
  MakeBudget("web", {{"observedGeneration", 0}});
  const Answer refused = Evict("a");
  EXPECT_EQ(refused->response().status, 429);
  EXPECT_EQ(refused->response().headers.Get("Retry-After"), "10");
  EXPECT_THAT(refused->Json()["details"]["causes"][0]["message"].get<std::string>(),
              HasSubstr("still being processed"));
}

TEST_F(EvictionTest, APodThatIsNotReadyGoesByItsPolicy) {
  MakePod("sick", false);
  MakeBudget("web", Status(0, 1));
  EXPECT_EQ(Evict("sick")->response().status, 429);  // the healthy ones are too few already
  PatchStatus(std::string(kBudgets) + "/web", Status(0, 2));
  EXPECT_EQ(Evict("sick")->response().status, 201);
  EXPECT_FALSE(Budget("web")["status"].contains("disruptedPods"));
  MakePod("sicker", false);
  EXPECT_EQ(Call("DELETE", std::string(kBudgets) + "/web")->response().status, 200);
  MakeBudget("lax", Status(0, 1), {{"unhealthyPodEvictionPolicy", "AlwaysAllow"}});
  EXPECT_EQ(Evict("sicker")->response().status, 201);
}

TEST_F(EvictionTest, WithoutABudgetAPodGoesAndWithTwoItDoesNot) {
  EXPECT_EQ(Evict("a")->response().status, 201);
  MakeBudget("one", Status(1));
  MakeBudget("two", Status(1));
  const Answer refused = Evict("b");
  EXPECT_EQ(refused->response().status, 500);
  EXPECT_THAT(refused->Json()["message"].get<std::string>(),
              HasSubstr("more than one PodDisruptionBudget"));
  EXPECT_EQ(Evict("nobody")->response().status, 404);
}

}  // namespace
}  // namespace berth::controlplane
