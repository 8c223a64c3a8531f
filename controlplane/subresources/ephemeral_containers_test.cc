// SPDX-License-Identifier: Apache-2.0
// pods/ephemeralcontainers through the whole API server.
#include "controlplane/apiserver/api_fixture.h"
#include "gmock/gmock.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kPods[] = "/api/v1/namespaces/default/pods";
constexpr char kPath[] = "/api/v1/namespaces/default/pods/p/ephemeralcontainers";

class EphemeralContainersTest : public ApiFixture {
 protected:
  void SetUp() override {
    MakeServiceAccount();
    Make(kPods, PodWith(json::array()).dump());
  }
  static json PodWith(const json& ephemeral) {
    json spec{{"nodeName", "n1"}, {"containers", {{{"name", "c"}, {"image", "x"}}}}};
    if (!ephemeral.empty()) spec["ephemeralContainers"] = ephemeral;
    return {{"metadata", {{"name", "p"}}}, {"spec", spec}};
  }
  Answer Patch(const json& patch) {
    return Call("PATCH", kPath, patch.dump(), "application/strategic-merge-patch+json");
  }
  static json Debugger(const std::string& name, const std::string& image = "tools") {
    return {{"name", name}, {"image", image}, {"targetContainerName", "c"}};
  }
  static json Change(const json& container) {
    return {{"spec", {{"ephemeralContainers", {container}}}}};
  }
};

TEST_F(EphemeralContainersTest, ArePatchedInOneByOne) {
  const Answer first = Patch(Change(Debugger("d1")));
  ASSERT_EQ(first->response().status, 200) << first->response().body;
  EXPECT_EQ(first->Json()["metadata"]["generation"], 2);
  ASSERT_EQ(Patch(Change(Debugger("d2")))->response().status, 200);
  const json pod = Get(kPath)->Json();
  EXPECT_EQ(pod["kind"], "Pod");
  ASSERT_EQ(pod["spec"]["ephemeralContainers"].size(), 2u);
  for (const json& container : pod["spec"]["ephemeralContainers"]) {
    EXPECT_EQ(container["terminationMessagePath"], "/dev/termination-log");
  }
}

TEST_F(EphemeralContainersTest, NeitherChangeNorGo) {
  Patch(Change(Debugger("d1")));
  const Answer changed = Patch(Change(Debugger("d1", "other")));
  EXPECT_EQ(changed->response().status, 422);
  EXPECT_THAT(changed->Json()["message"].get<std::string>(),
              HasSubstr("existing ephemeral containers \"d1\" may not be changed"));
  const Answer removed = Call("PUT", kPath, PodWith(json::array()).dump());
  EXPECT_EQ(removed->response().status, 422);
}

TEST_F(EphemeralContainersTest, NothingElseChangesHere) {
  json wanted = PodWith(json::array({Debugger("d1")}));
  wanted["spec"]["containers"][0]["image"] = "other";
  wanted["metadata"]["labels"] = {{"a", "b"}};
  const Answer answer = Call("PUT", kPath, wanted.dump());
  ASSERT_EQ(answer->response().status, 200) << answer->response().body;
  const json pod = answer->Json();
  EXPECT_EQ(pod["spec"]["containers"][0]["image"], "x");
  EXPECT_FALSE(pod["metadata"].contains("labels"));
  EXPECT_EQ(pod["spec"]["ephemeralContainers"].size(), 1u);
}

TEST_F(EphemeralContainersTest, OnlyComeThisWay) {
  const Answer created = Post(kPods, [] {
    json pod = PodWith(json::array({Debugger("d1")}));
    pod["metadata"]["name"] = "q";
    return pod.dump();
  }());
  EXPECT_EQ(created->response().status, 422);
  EXPECT_THAT(created->Json()["message"].get<std::string>(), HasSubstr("cannot be set on create"));
  const Answer updated = Call("PATCH", std::string(kPods) + "/p", Change(Debugger("d1")).dump(),
                              "application/strategic-merge-patch+json");
  EXPECT_EQ(updated->response().status, 422);
}

TEST_F(EphemeralContainersTest, AnOldVersionIsAConflict) {
  const json before = Get(kPath)->Json();
  Patch(Change(Debugger("d1")));
  json late = before;
  late["spec"]["ephemeralContainers"] = json::array({Debugger("d2")});
  EXPECT_EQ(Call("PUT", kPath, late.dump())->response().status, 409);
}

}  // namespace
}  // namespace berth::controlplane
