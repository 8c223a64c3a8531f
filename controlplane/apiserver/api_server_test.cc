// SPDX-License-Identifier: Apache-2.0
// Create, read, change and delete through the whole API server.
#include <gmock/gmock.h>

#include "controlplane/apiserver/api_fixture.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kConfigMaps = "/api/v1/namespaces/default/configmaps";
constexpr const char* kPods = "/api/v1/namespaces/default/pods";

class ApiServerTest : public ApiFixture {
 protected:
  std::string Message(const Answer& answer) { return answer->Json().value("message", ""); }
};

TEST_F(ApiServerTest, ACreatedObjectHasWhatTheServerDecides) {
  const json made = Make(kConfigMaps, R"({"metadata":{"name":"a"},"data":{"k":"v"}})");
  EXPECT_EQ(made["kind"], "ConfigMap");
  EXPECT_EQ(made["metadata"]["namespace"], "default");
  EXPECT_EQ(made["metadata"]["uid"].get<std::string>().size(), 36u);
  EXPECT_EQ(made["metadata"]["creationTimestamp"], "2023-11-14T22:13:20Z");
  const json read = Get(std::string(kConfigMaps) + "/a")->Json();
  EXPECT_EQ(read, made);
}

TEST_F(ApiServerTest, GenerateNameMakesNamesThatDiffer) {
  const char* body = R"({"metadata":{"generateName":"x-"}})";
  const std::string first = Make(kConfigMaps, body)["metadata"]["name"];
  const std::string second = Make(kConfigMaps, body)["metadata"]["name"];
  EXPECT_THAT(first, ::testing::StartsWith("x-"));
  EXPECT_NE(first, second);
}

TEST_F(ApiServerTest, ErrorsReadAsUpstreamsDo) {
  Make(kConfigMaps, R"({"metadata":{"name":"a"}})");
  const auto again = Post(kConfigMaps, R"({"metadata":{"name":"a"}})");
  EXPECT_EQ(again->response().status, 409);
  EXPECT_EQ(Message(again), "configmaps \"a\" already exists");
  const auto missing = Get("/apis/apps/v1/namespaces/default/deployments/b");
  EXPECT_EQ(missing->response().status, 404);
  EXPECT_EQ(Message(missing), "deployments.apps \"b\" not found");
  EXPECT_EQ(missing->Json()["details"],
            (json{{"name", "b"}, {"group", "apps"}, {"kind", "deployments"}}));
  const auto unknown = Get("/apis/nope/v1/things");
  EXPECT_EQ(unknown->response().status, 404);
  EXPECT_EQ(Message(unknown), "the server could not find the requested resource");
  const auto elsewhere = Post("/api/v1/namespaces/nope/configmaps", R"({"metadata":{"name":"a"}})");
  EXPECT_EQ(Message(elsewhere), "namespaces \"nope\" not found");
}

TEST_F(ApiServerTest, UnknownFieldsAreRefusedWarnedOfOrIgnoredAsAsked) {
  const char* body = R"({"metadata":{"name":"a"},"dta":{"k":"v"}})";
  const auto strict = Post(std::string(kConfigMaps) + "?fieldValidation=Strict", body);
  EXPECT_EQ(strict->response().status, 400);
  EXPECT_EQ(Message(strict),
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: strict decoding error: "
            "unknown field \"dta\"");
  const auto warned = Post(std::string(kConfigMaps) + "?fieldValidation=Warn&dryRun=All", body);
  EXPECT_EQ(warned->response().status, 201);
  EXPECT_EQ(warned->response().headers.Get("Warning"), "299 - \"unknown field \\\"dta\\\"\"");
  const auto ignored = Post(std::string(kConfigMaps) + "?fieldValidation=Ignore", body);
  EXPECT_EQ(ignored->response().status, 201);
  EXPECT_EQ(ignored->response().headers.Get("Warning"), "");
}

TEST_F(ApiServerTest, BadValuesAreRefusedWithTheirPath) {
  MakeServiceAccount();
  const auto quantity = Post(
      kPods,
      R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x","resources":{"limits":{"cpu":"1zz"}}}]}})");
  EXPECT_EQ(quantity->response().status, 400);
  EXPECT_THAT(Message(quantity), HasSubstr("quantities must match the regular expression"));
  const auto port = Post(
      kPods,
      R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x","ports":[{"containerPort":-1}]}]}})");
  EXPECT_EQ(port->response().status, 422);
  EXPECT_EQ(Message(port),
            "Pod \"p\" is invalid: spec.containers[0].ports[0].containerPort: Invalid value: -1: "
            "must be between 1 and 65535, inclusive");
  EXPECT_EQ(port->Json()["details"]["causes"][0]["field"],
            "spec.containers[0].ports[0].containerPort");
}

TEST_F(ApiServerTest, DryRunChangesNothing) {
  const auto answer =
      Post(std::string(kConfigMaps) + "?dryRun=All", R"({"metadata":{"name":"a"}})");
  EXPECT_EQ(answer->response().status, 201);
  EXPECT_EQ(Get(std::string(kConfigMaps) + "/a")->response().status, 404);
  Make(kConfigMaps, R"({"metadata":{"name":"b"},"data":{"k":"1"}})");
  const std::string b = std::string(kConfigMaps) + "/b";
  EXPECT_EQ(
      Call("PATCH", b + "?dryRun=All", R"({"data":{"k":"2"}})", "application/merge-patch+json")
          ->Json()["data"]["k"],
      "2");
  EXPECT_EQ(Call("DELETE", b + "?dryRun=All")->response().status, 200);
  EXPECT_EQ(Get(b)->Json()["data"]["k"], "1");
}

TEST_F(ApiServerTest, AnUpdateOfAnOldVersionIsAConflict) {
  json object = Make(kConfigMaps, R"({"metadata":{"name":"a"},"data":{"k":"1"}})");
  const std::string path = std::string(kConfigMaps) + "/a";
  object["data"]["k"] = "2";
  EXPECT_EQ(Call("PUT", path, object.dump())->response().status, 200);
  const auto stale = Call("PUT", path, object.dump());
  EXPECT_EQ(stale->response().status, 409);
  EXPECT_EQ(Message(stale),
            "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; "
            "please apply your changes to the latest version and try again");
  object["metadata"].erase("resourceVersion");
  EXPECT_EQ(Call("PUT", path, object.dump())->response().status, 200);
}

TEST_F(ApiServerTest, PatchesOfEveryType) {
  Make(kConfigMaps, R"({"metadata":{"name":"a"},"data":{"k":"1","l":"1"}})");
  const std::string path = std::string(kConfigMaps) + "/a";
  EXPECT_EQ(
      Call("PATCH", path, R"({"data":{"k":null}})", "application/merge-patch+json")->Json()["data"],
      (json{{"l", "1"}}));
  EXPECT_EQ(Call("PATCH", path, R"([{"op":"add","path":"/data/m","value":"2"}])",
                 "application/json-patch+json")
                ->Json()["data"],
            (json{{"l", "1"}, {"m", "2"}}));
  EXPECT_EQ(Call("PATCH", path, R"({"data":{"n":"3"}})", "application/strategic-merge-patch+json")
                ->Json()["data"]["n"],
            "3");
  EXPECT_EQ(
      Call("PATCH", path + "?fieldManager=x", "data: {o: \"4\"}", "application/apply-patch+yaml")
          ->Json()["data"]["o"],
      "4");
  const auto made =
      Call("PATCH", std::string(kConfigMaps) + "/new?fieldManager=x",
           "apiVersion: v1\nkind: ConfigMap\ndata: {a: b}", "application/apply-patch+yaml");
  EXPECT_EQ(made->response().status, 201);
  const auto bad = Call("PATCH", path, R"([{"op":"remove","path":"/data/none"}])",
                        "application/json-patch+json");
  EXPECT_EQ(bad->response().status, 422);
  EXPECT_EQ(Call("PATCH", path, "{}", "text/plain")->response().status, 415);
}

TEST_F(ApiServerTest, APatchThatChangesNothingMakesNoNewVersion) {
  const json made = Make(kConfigMaps, R"({"metadata":{"name":"a"},"data":{"k":"1"}})");
  const json patched = Call("PATCH", std::string(kConfigMaps) + "/a", R"({"data":{"k":"1"}})",
                            "application/merge-patch+json")
                           ->Json();
  EXPECT_EQ(patched["metadata"]["resourceVersion"], made["metadata"]["resourceVersion"]);
}

TEST_F(ApiServerTest, SpecAndStatusAreChangedApart) {
  const std::string deployments = "/apis/apps/v1/namespaces/default/deployments";
  const json made = Make(
      deployments,
      R"({"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}},"status":{"replicas":7}})");
  EXPECT_EQ(made["status"].value("replicas", 0), 0);
  EXPECT_EQ(made["spec"]["replicas"], 1);
  EXPECT_EQ(made["metadata"]["generation"], 1);
  const char* both = R"({"spec":{"replicas":3},"status":{"replicas":2}})";
  const json status =
      Call("PATCH", deployments + "/d/status", both, "application/merge-patch+json")->Json();
  EXPECT_EQ(status["spec"]["replicas"], 1);
  EXPECT_EQ(status["status"]["replicas"], 2);
  EXPECT_EQ(status["metadata"]["generation"], 1);
  const json spec = Call("PATCH", deployments + "/d", R"({"spec":{"replicas":3},"status":null})",
                         "application/merge-patch+json")
                        ->Json();
  EXPECT_EQ(spec["spec"]["replicas"], 3);
  EXPECT_EQ(spec["status"]["replicas"], 2);
  EXPECT_EQ(spec["metadata"]["generation"], 2);
  EXPECT_EQ(Get(deployments + "/d/scale")->Json()["spec"]["replicas"], 3);
  EXPECT_EQ(Call("PATCH", deployments + "/d/scale", R"({"spec":{"replicas":5}})",
                 "application/merge-patch+json")
                ->response()
                .status,
            200);
  EXPECT_EQ(Get(deployments + "/d")->Json()["spec"]["replicas"], 5);
}

TEST_F(ApiServerTest, ListsWithSelectorsAndInPages) {
  for (const char* name : {"a", "b", "c"}) {
    Make("/api/v1/namespaces/kube-public/configmaps",
         json{{"metadata", {{"name", name}, {"labels", {{"n", name}}}}}}.dump());
  }
  const std::string list = "/api/v1/namespaces/kube-public/configmaps";
  auto names = [](const json& answer) {
    std::vector<std::string> out;
    for (const json& item : answer["items"]) out.push_back(item["metadata"]["name"]);
    return out;
  };
  EXPECT_THAT(names(Get(list + "?labelSelector=n%20in%20(a,c)")->Json()), ElementsAre("a", "c"));
  EXPECT_THAT(names(Get(list + "?fieldSelector=metadata.name!=b")->Json()), ElementsAre("a", "c"));
  const json first = Get(list + "?limit=2")->Json();
  EXPECT_THAT(names(first), ElementsAre("a", "b"));
  EXPECT_EQ(first["metadata"]["remainingItemCount"], 1);
  // What is made between two pages is not in the second.
  Make(list, R"({"metadata":{"name":"d"}})");
  const std::string token = first["metadata"]["continue"];
  EXPECT_THAT(names(Get(list + "?limit=2&continue=" + token)->Json()), ElementsAre("c"));
  EXPECT_EQ(Get(list + "?fieldSelector=data.x=1")->response().status, 400);
  EXPECT_EQ(Get(list + "?continue=xyz")->response().status, 400);
}

TEST_F(ApiServerTest, FinalizersHoldADeletedObject) {
  Make(kConfigMaps, R"({"metadata":{"name":"a","finalizers":["example.com/x"]}})");
  const std::string path = std::string(kConfigMaps) + "/a";
  EXPECT_EQ(Call("DELETE", path)->response().status, 200);
  EXPECT_EQ(Get(path)->Json()["metadata"].count("deletionTimestamp"), 1u);
  EXPECT_EQ(
      Call("PATCH", path, R"({"metadata":{"finalizers":null}})", "application/merge-patch+json")
          ->response()
          .status,
      200);
  EXPECT_EQ(Get(path)->response().status, 404);
}

TEST_F(ApiServerTest, DeletePreconditionsAreHeld) {
  Make(kConfigMaps, R"({"metadata":{"name":"a"}})");
  const auto answer =
      Call("DELETE", std::string(kConfigMaps) + "/a", R"({"preconditions":{"uid":"other"}})");
  EXPECT_EQ(answer->response().status, 409);
  EXPECT_THAT(Message(answer), HasSubstr("Precondition failed: UID in precondition: other"));
}

TEST_F(ApiServerTest, DeleteCollectionTakesWhatIsSelected) {
  Make(kConfigMaps, R"({"metadata":{"name":"a","labels":{"x":"1"}}})");
  Make(kConfigMaps, R"({"metadata":{"name":"b"}})");
  EXPECT_EQ(Call("DELETE", std::string(kConfigMaps) + "?labelSelector=x=1")->response().status,
            200);
  EXPECT_EQ(Get(std::string(kConfigMaps) + "/a")->response().status, 404);
  EXPECT_EQ(Get(std::string(kConfigMaps) + "/b")->response().status, 200);
}

TEST_F(ApiServerTest, SecretsTakeTextAndGiveBytes) {
  const json made = Make("/api/v1/namespaces/default/secrets",
                         R"({"metadata":{"name":"s"},"stringData":{"k":"v"}})");
  EXPECT_EQ(made["data"]["k"], "dg==");
  EXPECT_EQ(made.count("stringData"), 0u);
  EXPECT_EQ(made["type"], "Opaque");
}

TEST_F(ApiServerTest, YamlBodiesAreTaken) {
  EXPECT_EQ(
      Call("POST", kConfigMaps, "metadata: {name: from-yaml}\ndata: {a: b}", "application/yaml")
          ->response()
          .status,
      201);
  EXPECT_EQ(Call("POST", kConfigMaps, "x", "text/plain")->response().status, 415);
}

TEST_F(ApiServerTest, TablesForKubectl) {
  Make(kConfigMaps, R"({"metadata":{"name":"a"},"data":{"k":"v"}})");
  clock_.Advance(absl::Seconds(90));
  const json table =
      Call("GET", kConfigMaps, "", "",
           {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}})
          ->Json();
  EXPECT_EQ(table["kind"], "Table");
  EXPECT_EQ(table["apiVersion"], "meta.k8s.io/v1");
  EXPECT_EQ(table["rows"][0]["cells"], (json{"a", 1, "90s"}));
  EXPECT_EQ(table["rows"][0]["object"]["kind"], "PartialObjectMetadata");
  EXPECT_EQ(table["columnDefinitions"][1]["name"], "Data");
}

TEST_F(ApiServerTest, ObjectsSurviveARestart) {
  const json made = Make(kConfigMaps, R"({"metadata":{"name":"a"},"data":{"k":"v"}})");
  Restart();
  EXPECT_EQ(Get(std::string(kConfigMaps) + "/a")->Json(), made);
}

TEST_F(ApiServerTest, DiscoveryNamesWhatIsServed) {
  const json core = Get("/api/v1")->Json();
  bool found = false;
  for (const json& resource : core["resources"]) {
    if (resource["name"] == "pods") {
      found = true;
      EXPECT_EQ(resource["shortNames"], json{"po"});
      EXPECT_EQ(resource["singularName"], "pod");
    }
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(Get("/version")->Json()["minor"], "35");
  EXPECT_EQ(
      Get("/openapi/v3/api/v1")
          ->Json()["paths"]["/api/v1/namespaces/{namespace}/pods"]["post"]["parameters"][2]["name"],
      "fieldValidation");
  // What old kubectls ask for has an "@", which they cannot parse in the answer.
  http::Headers old;
  old.Set("Accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
  EXPECT_EQ(Call("GET", "/openapi/v2", "", "", old)->response().headers.Get("Content-Type"),
            "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  EXPECT_EQ(Get("/readyz")->response().status, 500);
  server_->SetReady(true);
  EXPECT_EQ(Get("/readyz")->response().body, "ok");
}

}  // namespace
}  // namespace berth::controlplane
