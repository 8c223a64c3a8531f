// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/views.h"

#include "controlplane/apiserver/api_fixture.h"
#include "gmock/gmock.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;

constexpr char kCore[] = "/api/v1/namespaces/default/events";
constexpr char kEvents[] = "/apis/events.k8s.io/v1/namespaces/default/events";
constexpr char kV1[] = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";
constexpr char kV2[] = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers";

class ViewsTest : public ApiFixture {
 protected:
  Answer Patch(const std::string& target, const json& patch) {
    return Call("PATCH", target, patch.dump(), "application/merge-patch+json");
  }
};

TEST_F(ViewsTest, AnEventIsOneUnderBothGroups) {
  Make(kCore, R"({"metadata":{"name":"a"},"involvedObject":{"kind":"Pod","name":"p"},
                  "reason":"Started","message":"it runs","source":{"component":"kubelet"},
                  "count":3,"lastTimestamp":"2026-01-02T03:04:05Z"})");
  const json seen = Get(std::string(kEvents) + "/a")->Json();
  EXPECT_EQ(seen["apiVersion"], "events.k8s.io/v1");
  EXPECT_EQ(seen["regarding"]["name"], "p");
  EXPECT_EQ(seen["note"], "it runs");
  EXPECT_EQ(seen["deprecatedSource"]["component"], "kubelet");
  EXPECT_EQ(seen["deprecatedCount"], 3);
  EXPECT_EQ(seen["deprecatedLastTimestamp"], "2026-01-02T03:04:05Z");

  Make(kEvents, R"({"metadata":{"name":"b"},"regarding":{"kind":"Pod","name":"q"},
                    "eventTime":"2026-01-02T03:04:05.000006Z","reportingController":"x.io/y",
                    "reportingInstance":"y-1","action":"Binding","reason":"Bound","note":"n",
                    "type":"Normal"})");
  const json core = Get(std::string(kCore) + "/b")->Json();
  EXPECT_EQ(core["apiVersion"], "v1");
  EXPECT_EQ(core["involvedObject"]["name"], "q");
  EXPECT_EQ(core["message"], "n");
  EXPECT_EQ(core["reportingComponent"], "x.io/y");

  const json list = Get(std::string(kEvents) + "?fieldSelector=regarding.name=q")->Json();
  EXPECT_EQ(list["kind"], "EventList");
  EXPECT_EQ(list["apiVersion"], "events.k8s.io/v1");
  ASSERT_EQ(list["items"].size(), 1u);
  EXPECT_EQ(list["items"][0]["note"], "n");

  EXPECT_EQ(Patch(std::string(kEvents) + "/b", {{"note", "changed"}})->Json()["note"], "changed");
  EXPECT_EQ(Get(std::string(kCore) + "/b")->Json()["message"], "changed");
  EXPECT_EQ(Call("DELETE", std::string(kEvents) + "/b")->response().status, 200);
  EXPECT_EQ(Get(std::string(kCore) + "/b")->response().status, 404);
}

TEST_F(ViewsTest, AWatchShowsTheViewToo) {
  const Answer watch = Get(std::string(kEvents) + "?watch=true");
  Make(kCore, R"({"metadata":{"name":"a"},"involvedObject":{"kind":"Pod"},"message":"m"})");
  const json event = json::parse(watch->response().body, nullptr, false);
  EXPECT_EQ(event["object"]["note"], "m");
  EXPECT_EQ(event["object"]["apiVersion"], "events.k8s.io/v1");
  const Answer table = Call("GET", kEvents, "", "", [] {
    http::Headers headers;
    headers.Set("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io");
    return headers;
  }());
  EXPECT_EQ(table->Json()["columnDefinitions"][0]["name"], "Last Seen");
}

TEST_F(ViewsTest, AnAutoscalerOfVersion1KeepsWhatOnlyVersion2Knows) {
  Make(kV2, R"({"metadata":{"name":"h"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"d"},
      "maxReplicas":5,"metrics":[
        {"type":"Resource","resource":{"name":"memory","target":{"type":"AverageValue",
                                                                 "averageValue":"1Gi"}}},
        {"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization",
                                                              "averageUtilization":70}}}]}})");
  const std::string old = std::string(kV1) + "/h";
  EXPECT_EQ(Get(old)->Json()["spec"]["targetCPUUtilizationPercentage"], 70);
  const json changed =
      Patch(old, {{"spec", {{"maxReplicas", 9}, {"targetCPUUtilizationPercentage", 50}}}})->Json();
  EXPECT_EQ(changed["spec"]["maxReplicas"], 9);
  const json now = Get(std::string(kV2) + "/h")->Json();
  EXPECT_EQ(now["spec"]["maxReplicas"], 9);
  ASSERT_EQ(now["spec"]["metrics"].size(), 2u);
  EXPECT_EQ(now["spec"]["metrics"][0]["resource"]["name"], "memory");
  EXPECT_EQ(now["spec"]["metrics"][1]["resource"]["target"]["averageUtilization"], 50);

  json put = Get(old)->Json();
  put["spec"].erase("targetCPUUtilizationPercentage");
  EXPECT_EQ(Call("PUT", old, put.dump())->response().status, 200);
  EXPECT_EQ(Get(std::string(kV2) + "/h")->Json()["spec"]["metrics"].size(), 1u);
  Make(kV1, R"({"metadata":{"name":"i"},"spec":{"scaleTargetRef":{"kind":"Deployment","name":"d"},
                "maxReplicas":3,"targetCPUUtilizationPercentage":80}})");
  EXPECT_EQ(Get(kV2)->Json()["items"].size(), 2u);
}

TEST_F(ViewsTest, DiscoveryHasAGroupOncePreferringItsFirstVersion) {
  const json group = Get("/apis/autoscaling")->Json();
  EXPECT_EQ(group["preferredVersion"]["version"], "v2");
  EXPECT_EQ(group["versions"].size(), 2u);
  int found = 0;
  const json groups = Get("/apis")->Json();
  for (const json& one : groups["groups"]) found += one["name"] == "autoscaling" ? 1 : 0;
  EXPECT_EQ(found, 1);
  EXPECT_EQ(Get("/apis/autoscaling/v1")->Json()["resources"][0]["kind"], "HorizontalPodAutoscaler");
}

}  // namespace
}  // namespace berth::controlplane
