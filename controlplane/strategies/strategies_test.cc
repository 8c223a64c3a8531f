// SPDX-License-Identifier: Apache-2.0
// What is special about pods, services and namespaces, through the whole API server.
#include <gmock/gmock.h>

#include "controlplane/apiserver/api_fixture.h"
#include "controlplane/strategies/allocator.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kPods = "/api/v1/namespaces/default/pods";
constexpr const char* kServices = "/api/v1/namespaces/default/services";

class StrategiesTest : public ApiFixture {
 protected:
  json MakePod(const std::string& name, const json& spec = json::object()) {
    json pod{{"metadata", {{"name", name}}}, {"spec", spec}};
    pod["spec"]["containers"] = {{{"name", "c"}, {"image", "x"}}};
    return Make(kPods, pod.dump());
  }
  json MakeService(const std::string& name, json spec = json::object()) {
    if (spec.count("ports") == 0) spec["ports"] = {{{"port", 80}}};
    return Make(kServices, json{{"metadata", {{"name", name}}}, {"spec", spec}}.dump());
  }
  Answer Patch(const std::string& target, const json& patch) {
    return Call("PATCH", target, patch.dump(), "application/merge-patch+json");
  }
};

TEST_F(StrategiesTest, ANewPodGetsWhatUpstreamGivesIt) {
  MakeServiceAccount();
  json pod = MakePod("p");
  EXPECT_EQ(pod["status"]["phase"], "Pending");
  EXPECT_EQ(pod["status"]["qosClass"], "BestEffort");
  EXPECT_EQ(pod["spec"]["serviceAccountName"], "default");
  EXPECT_EQ(pod["spec"]["priority"], 0);
  EXPECT_EQ(pod["spec"]["tolerations"].size(), 2u);
  json& volume = pod["spec"]["volumes"][0];
  EXPECT_THAT(volume["name"].get<std::string>(), ::testing::StartsWith("kube-api-access-"));
  EXPECT_EQ(volume["projected"]["sources"][0]["serviceAccountToken"],
            (json{{"expirationSeconds", 3607}, {"path", "token"}}));
  EXPECT_EQ(pod["spec"]["containers"][0]["volumeMounts"][0]["mountPath"],
            "/var/run/secrets/kubernetes.io/serviceaccount");
  json bare = MakePod("q", {{"automountServiceAccountToken", false}});
  EXPECT_EQ(bare["spec"].count("volumes"), 0u);
}

TEST_F(StrategiesTest, APodNeedsItsServiceAccount) {
  const Answer answer =
      Post(kPods, R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x"}]}})");
  EXPECT_EQ(answer->response().status, 403);
  EXPECT_THAT(answer->Json()["message"].get<std::string>(),
              HasSubstr("serviceaccount \"default\" not found"));
}

TEST_F(StrategiesTest, APodOnANodeIsDeletedInTwoSteps) {
  MakeServiceAccount();
  MakePod("p", {{"nodeName", "n"}, {"terminationGracePeriodSeconds", 7}});
  const std::string path = std::string(kPods) + "/p";
  json marked = Call("DELETE", path)->Json();
  EXPECT_EQ(marked["metadata"]["deletionGracePeriodSeconds"], 7);
  EXPECT_EQ(marked["metadata"]["deletionTimestamp"], "2023-11-14T22:13:27Z");
  EXPECT_EQ(Get(path)->response().status, 200);
  // A later deletion only shortens the time.
  EXPECT_EQ(Call("DELETE", path + "?gracePeriodSeconds=60")
                ->Json()["metadata"]["deletionGracePeriodSeconds"],
            7);
  EXPECT_EQ(Call("DELETE", path + "?gracePeriodSeconds=0")->response().status, 200);
  EXPECT_EQ(Get(path)->response().status, 404);
}

TEST_F(StrategiesTest, APodWithoutANodeGoesAtOnce) {
  MakeServiceAccount();
  MakePod("p");
  Call("DELETE", std::string(kPods) + "/p");
  EXPECT_EQ(Get(std::string(kPods) + "/p")->response().status, 404);
}

TEST_F(StrategiesTest, APodIsBoundOnce) {
  MakeServiceAccount();
  MakePod("p");
  const std::string binding = std::string(kPods) + "/p/binding";
  const char* body = R"({"metadata":{"name":"p"},"target":{"kind":"Node","name":"n1"}})";
  EXPECT_EQ(Post(binding, body)->response().status, 201);
  json pod = Get(std::string(kPods) + "/p")->Json();
  EXPECT_EQ(pod["spec"]["nodeName"], "n1");
  EXPECT_EQ(pod["status"]["conditions"][0]["type"], "PodScheduled");
  const Answer again = Post(binding, body);
  EXPECT_EQ(again->response().status, 409);
  EXPECT_THAT(again->Json()["message"].get<std::string>(),
              HasSubstr("pod p is already assigned to node \"n1\""));
}

TEST_F(StrategiesTest, ServicesGetAddressesAndGiveThemBack) {
  EXPECT_EQ(Get(std::string(kServices) + "/kubernetes")->Json()["spec"]["clusterIP"], "10.96.0.1");
  json a = MakeService("a");
  const std::string address = a["spec"]["clusterIP"];
  EXPECT_EQ(a["spec"]["clusterIPs"], json{address});
  const Answer taken =
      Post(kServices, json{{"metadata", {{"name", "b"}}},
                           {"spec", {{"clusterIP", address}, {"ports", {{{"port", 1}}}}}}}
                          .dump());
  EXPECT_EQ(taken->response().status, 422);
  EXPECT_THAT(taken->Json()["message"].get<std::string>(),
              HasSubstr("provided IP is already allocated"));
  Call("DELETE", std::string(kServices) + "/a");
  EXPECT_EQ(MakeService("b", {{"clusterIP", address}})["spec"]["clusterIP"], address);
  EXPECT_EQ(MakeService("h", {{"clusterIP", "None"}})["spec"]["clusterIP"], "None");
}

TEST_F(StrategiesTest, AddressesStayTakenAfterARestart) {
  const std::string address = MakeService("a")["spec"]["clusterIP"];
  json node_port = MakeService("n", {{"type", "NodePort"}});
  Restart();
  EXPECT_NE(MakeService("b")["spec"]["clusterIP"], address);
  EXPECT_NE(MakeService("m", {{"type", "NodePort"}})["spec"]["ports"][0]["nodePort"],
            node_port["spec"]["ports"][0]["nodePort"]);
}

TEST_F(StrategiesTest, NodePortsComeAndGoWithTheType) {
  json made = MakeService("a", {{"type", "NodePort"}});
  const int port = made["spec"]["ports"][0]["nodePort"];
  EXPECT_GE(port, 30000);
  EXPECT_LE(port, 32767);
  const json taken_spec{{"type", "NodePort"}, {"ports", {{{"port", 80}, {"nodePort", port}}}}};
  const Answer taken =
      Post(kServices, json{{"metadata", {{"name", "b"}}}, {"spec", taken_spec}}.dump());
  EXPECT_EQ(taken->response().status, 422);
  const std::string path = std::string(kServices) + "/a";
  // A change of something else keeps the number, even when the client leaves it out.
  EXPECT_EQ(Patch(path, {{"spec", {{"ports", {{{"port", 80}, {"targetPort", 8080}}}}}}})
                ->Json()["spec"]["ports"][0]["nodePort"],
            port);
  json plain = Patch(path, {{"spec", {{"type", "ClusterIP"}}}})->Json();
  EXPECT_EQ(plain["spec"]["type"], "ClusterIP") << plain;
  EXPECT_EQ(plain["spec"]["ports"][0].count("nodePort"), 0u);
  EXPECT_EQ(plain["spec"].count("externalTrafficPolicy"), 0u);
  EXPECT_EQ(MakeService("b", taken_spec)["spec"]["ports"][0]["nodePort"], port);
}

TEST_F(StrategiesTest, ANamespaceTerminatesUntilItIsFinalized) {
  json made = Make("/api/v1/namespaces", R"({"metadata":{"name":"t"}})");
  EXPECT_EQ(made["status"]["phase"], "Active");
  EXPECT_EQ(made["spec"]["finalizers"], json{"kubernetes"});
  EXPECT_EQ(made["metadata"]["labels"]["kubernetes.io/metadata.name"], "t");
  json marked = Call("DELETE", "/api/v1/namespaces/t")->Json();
  EXPECT_EQ(marked["status"]["phase"], "Terminating");
  const Answer late = Post("/api/v1/namespaces/t/configmaps", R"({"metadata":{"name":"a"}})");
  EXPECT_EQ(late->response().status, 403);
  EXPECT_THAT(late->Json()["message"].get<std::string>(),
              HasSubstr("because it is being terminated"));
  marked["spec"]["finalizers"] = json::array();
  EXPECT_EQ(Call("PUT", "/api/v1/namespaces/t/finalize", marked.dump())->response().status, 200);
  EXPECT_EQ(Get("/api/v1/namespaces/t")->response().status, 404);
}

TEST_F(StrategiesTest, SomeNamespacesStay) {
  const Answer answer = Call("DELETE", "/api/v1/namespaces/kube-system");
  EXPECT_EQ(answer->response().status, 403);
  EXPECT_EQ(answer->Json()["message"],
            "namespaces \"kube-system\" is forbidden: this namespace may not be deleted");
}

TEST(Allocator, GivesEachNumberOnceAndLetsReleasedOnesRest) {
  Allocator allocator(10, 12);
  EXPECT_EQ(allocator.TakeAny(), 10u);
  allocator.Release(10);
  EXPECT_EQ(allocator.TakeAny(), 11u);
  EXPECT_TRUE(allocator.Take(12));
  EXPECT_FALSE(allocator.Take(12));
  EXPECT_EQ(allocator.TakeAny(), 10u);
  EXPECT_EQ(allocator.TakeAny(), std::nullopt);
}

TEST(ParseCidr, TakesRangesAndRefusesTheRest) {
  EXPECT_EQ(FormatIpv4(ParseCidr("10.96.0.0/16")->first), "10.96.0.0");
  EXPECT_EQ(FormatIpv4(ParseCidr("10.96.0.0/16")->last), "10.96.255.255");
  for (const char* bad : {"", "10.96.0.0", "10.96.0.0/", "10.96.0.0/33", "x/16", "10.96/16"}) {
    EXPECT_FALSE(ParseCidr(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace berth::controlplane
