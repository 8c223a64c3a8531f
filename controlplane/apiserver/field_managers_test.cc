// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/proto/meta/v1/object_meta.pb.h"
#include "controlplane/apiserver/api_fixture.h"
#include "controlplane/apiserver/managed_fields.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kPath[] = "/api/v1/namespaces/default/configmaps/a";
constexpr char kApply[] = "application/apply-patch+yaml";
constexpr char kMerge[] = "application/merge-patch+json";

class FieldManagersTest : public ApiFixture {
 protected:
  Answer Apply(const std::string& manager, const std::string& body, const std::string& more = "",
               const std::string& path = kPath) {
    return Call("PATCH", path + "?fieldManager=" + manager + more, body, kApply);
  }
  static std::string ConfigMap(const std::string& rest) {
    return "apiVersion: v1\nkind: ConfigMap\n" + rest;
  }
  // "manager operation fields", in order.
  static std::vector<std::string> Managers(const json& object) {
    std::vector<std::string> out;
    for (const json& entry : object["metadata"].value("managedFields", json::array())) {
      out.push_back(std::string(entry["manager"]) + " " + std::string(entry["operation"]) + " " +
                    entry["fieldsV1"].dump());
    }
    return out;
  }
  std::vector<std::string> Managers(const std::string& path = kPath) {
    return Managers(Get(path)->Json());
  }
};

TEST_F(FieldManagersTest, AnApplyRemovesWhatItsManagerNamesNoLonger) {
  const auto made = Apply("x", ConfigMap("data: {a: '1', b: '1'}"));
  ASSERT_EQ(made->response().status, 201) << made->response().body;
  EXPECT_THAT(Managers(made->Json()),
              testing::ElementsAre(R"(x Apply {"f:data":{"f:a":{},"f:b":{}}})"));
  const auto again = Apply("x", ConfigMap("data: {a: '1', c: '1'}"));
  ASSERT_EQ(again->response().status, 200) << again->response().body;
  EXPECT_EQ(again->Json()["data"], (json{{"a", "1"}, {"c", "1"}}));
  EXPECT_THAT(Managers(), testing::ElementsAre(R"(x Apply {"f:data":{"f:a":{},"f:c":{}}})"));
}

TEST_F(FieldManagersTest, WhatTwoApplyStaysUntilBothLetGo) {
  Apply("x", ConfigMap("data: {a: '1', b: '1'}"));
  ASSERT_EQ(Apply("y", ConfigMap("data: {b: '1'}"))->response().status, 200);
  EXPECT_EQ(Apply("x", ConfigMap("data: {a: '1'}"))->Json()["data"],
            (json{{"a", "1"}, {"b", "1"}}));
  EXPECT_EQ(Apply("y", ConfigMap(""))->Json()["data"], (json{{"a", "1"}}));
  EXPECT_THAT(Managers(), testing::ElementsAre(R"(x Apply {"f:data":{"f:a":{}}})"));
}

TEST_F(FieldManagersTest, AConflictNamesManagersAndFields) {
  Apply("x", ConfigMap("data: {a: '1', b: '1'}"));
  const auto one = Apply("y", ConfigMap("data: {a: '2'}"));
  EXPECT_EQ(one->response().status, 409);
  EXPECT_EQ(one->Json()["reason"], "Conflict");
  EXPECT_EQ(one->Json()["message"], "Apply failed with 1 conflict: conflict with \"x\": .data.a");
  EXPECT_EQ(one->Json()["details"]["causes"], (json::array({{{"reason", "FieldManagerConflict"},
                                                             {"message", "conflict with \"x\""},
                                                             {"field", ".data.a"}}})));
  EXPECT_EQ(Apply("y", ConfigMap("data: {a: '2', b: '2'}"))->Json()["message"],
            "Apply failed with 2 conflicts: conflicts with \"x\":\n- .data.a\n- .data.b");
  const auto forced = Apply("y", ConfigMap("data: {a: '2'}"), "&force=true");
  EXPECT_EQ(forced->response().status, 200);
  EXPECT_THAT(Managers(), testing::ElementsAre(R"(x Apply {"f:data":{"f:b":{}}})",
                                               R"(y Apply {"f:data":{"f:a":{}}})"));
}

TEST_F(FieldManagersTest, OtherWritesTakeFieldsAndAreNamedInConflicts) {
  Apply("x", ConfigMap("data: {a: '1', b: '1'}"));
  ASSERT_EQ(Call("PATCH", std::string(kPath) + "?fieldManager=edit",
                 R"({"data":{"a":"2","b":null,"c":"3"}})", kMerge)
                ->response()
                .status,
            200);
  EXPECT_THAT(Managers(), testing::ElementsAre(R"(edit Update {"f:data":{"f:a":{},"f:c":{}}})"));
  EXPECT_EQ(Apply("x", ConfigMap("data: {a: '1'}"))->Json()["message"],
            "Apply failed with 1 conflict: conflict with \"edit\" using v1: .data.a");
  // Without a name in the request, the client's program is the manager.
  ASSERT_EQ(Call("PATCH", kPath, R"({"data":{"d":"1"}})", kMerge, {{"User-Agent", "curl/7.88"}})
                ->response()
                .status,
            200);
  EXPECT_THAT(Managers(), testing::Contains(R"(curl Update {"f:data":{"f:d":{}}})"));
}

TEST_F(FieldManagersTest, NobodyIsTrackedBeforeTheFirstApply) {
  Make("/api/v1/namespaces/default/configmaps",
       R"({"metadata":{"name":"a","managedFields":[]},"data":{"a":"1","b":"1"}})");
  EXPECT_THAT(Managers(), testing::IsEmpty());
  EXPECT_EQ(Apply("x", ConfigMap("data: {a: '2'}"))->Json()["message"],
            "Apply failed with 1 conflict: conflict with \"before-first-apply\" using v1: .data.a");
  ASSERT_EQ(Apply("x", ConfigMap("data: {a: '1'}"))->response().status, 200);
  EXPECT_THAT(Managers(),
              testing::ElementsAre(R"(x Apply {"f:data":{"f:a":{}}})",
                                   R"(before-first-apply Update {"f:data":{"f:a":{},"f:b":{}}})"));
}

TEST_F(FieldManagersTest, KubectlMovesFromItsOwnApplyToTheServers) {
  Make("/api/v1/namespaces/default/configmaps",
       R"({"metadata":{"name":"a","annotations":{
           "kubectl.kubernetes.io/last-applied-configuration":"{\"data\":{\"a\":\"1\"}}"}},
           "data":{"a":"1","b":"1"}})");
  EXPECT_THAT(std::string(Apply("other", ConfigMap("data: {a: '2'}"))->Json()["message"]),
              HasSubstr("conflict with \"kubectl-client-side-apply\" using v1: .data.a"));
  const auto applied = Apply("kubectl", ConfigMap("data: {a: '2'}"));
  ASSERT_EQ(applied->response().status, 200) << applied->response().body;
  EXPECT_EQ(applied->Json()["data"], (json{{"a", "2"}, {"b", "1"}}));
}

TEST_F(FieldManagersTest, AnApplyThatSaysTheSameMakesNoNewVersion) {
  const json first = Apply("x", ConfigMap("data: {a: '1'}"))->Json();
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(Apply("x", ConfigMap("data: {a: '1'}"))->Json(), first);
}

TEST_F(FieldManagersTest, DefaultsAndOtherSpellingsAreNoConflict) {
  const std::string path = "/api/v1/namespaces/default/pods/p";
  const std::string pod =
      "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n    image: i\n"
      "    resources: {limits: {cpu: 1000m}}\n    ports: [{containerPort: 80}]\n";
  MakeServiceAccount();
  ASSERT_EQ(Apply("x", pod, "", path)->response().status, 201);
  const auto again = Apply("y", pod, "", path);
  EXPECT_EQ(again->response().status, 200) << again->response().body;
}

TEST_F(FieldManagersTest, StatusIsManagedApart) {
  const std::string path = "/apis/apps/v1/namespaces/default/deployments/d";
  ASSERT_EQ(
      Apply("x",
            "apiVersion: apps/v1\nkind: Deployment\nspec:\n  selector: {matchLabels: {a: "
            "b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec: {containers: [{name: "
            "c, image: i}]}\nstatus: {replicas: 3}\n",
            "", path)
          ->response()
          .status,
      201);
  ASSERT_EQ(Call("PATCH", path + "/status?fieldManager=controller",
                 R"({"spec":{"replicas":9},"status":{"replicas":1}})", kMerge)
                ->response()
                .status,
            200);
  const json object = Get(path)->Json();
  EXPECT_EQ(object["spec"]["replicas"], 1);
  EXPECT_THAT(Managers(object),
              testing::Contains("controller Update {\"f:status\":{\"f:replicas\":{}}}"));
  EXPECT_EQ(object["metadata"]["managedFields"][1]["subresource"], "status");
  EXPECT_THAT(Managers(object)[0], testing::Not(HasSubstr("f:status")));
}

TEST_F(FieldManagersTest, AClientMayRewriteOrEndTheTracking) {
  Apply("x", ConfigMap("data: {a: '1'}"));
  const auto bad =
      Call("PATCH", kPath, R"({"metadata":{"managedFields":[{"manager":"z","operation":"Swap"}]}})",
           kMerge);
  EXPECT_EQ(bad->response().status, 400) << bad->response().body;
  EXPECT_EQ(Call("PATCH", kPath, R"([{"op":"replace","path":"/metadata/managedFields/0/manager",
                 "value":"y"}])",
                 "application/json-patch+json")
                ->response()
                .status,
            200);
  EXPECT_THAT(Managers(), testing::ElementsAre(R"(y Apply {"f:data":{"f:a":{}}})"));
  Call("PATCH", kPath, R"({"metadata":{"managedFields":[{}]}})", kMerge);
  EXPECT_THAT(Managers(), testing::IsEmpty());
}

TEST_F(FieldManagersTest, OptionsThatDoNotFitAreRefused) {
  const auto nobody = Call("PATCH", kPath, ConfigMap(""), kApply);
  EXPECT_EQ(nobody->response().status, 422);
  EXPECT_EQ(nobody->Json()["message"],
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required "
            "for apply patch");
  EXPECT_EQ(Call("PATCH", std::string(kPath) + "?force=true", "{}", kMerge)->response().status,
            422);
  EXPECT_EQ(Apply("x", ConfigMap("metadata: {managedFields: [{manager: y}]}"))->response().status,
            400);
}

TEST(ManagedFields, TheOldestUpdatersBecomeOne) {
  std::vector<ManagedFields> entries;
  for (int i = 0; i < 12; ++i) {
    entries.push_back({"m" + std::to_string(i),
                       false,
                       "v1",
                       "",
                       absl::FromUnixSeconds(i),
                       {{"f:data", "f:k" + std::to_string(i)}}});
  }
  api::meta::v1::ObjectMeta meta;
  WriteManagedFields(entries, meta);
  ASSERT_EQ(meta.managed_fields_size(), 10);
  EXPECT_EQ(meta.managed_fields(0).manager(), "ancient-changes");
  EXPECT_EQ(ReadManagedFields(meta).value()[0].fields.size(), 3u);
}

}  // namespace
}  // namespace berth::controlplane
