// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/openapi.h"

#include <google/protobuf/unknown_field_set.h>

#include <nlohmann/json.hpp>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::controlplane {
namespace {

using google::protobuf::UnknownFieldSet;
using nlohmann::json;
using testing::IsSubsetOf;

constexpr char kPods[] = "/api/v1/namespaces/{namespace}/pods";
constexpr char kPod[] = "io.k8s.api.core.v1.Pod";

VersionFacts Version() {
  VersionFacts version;
  version.git_version = "v1.35.0";
  return version;
}

// Every reference in `document` leads somewhere.
void CheckReferences(const json& document, const json& at) {
  if (const auto it = at.find("$ref"); at.is_object() && it != at.end() && it->is_string()) {
    const json::json_pointer target(it->get<std::string>().substr(1));
    EXPECT_TRUE(document.contains(target)) << *it;
  }
  if (at.is_structured()) {
    for (const json& member : at) CheckReferences(document, member);
  }
}

TEST(OpenApiTest, Version3IsADocumentPerGroup) {
  const OpenApi openapi(Version());
  const json index = json::parse(*openapi.V3("/openapi/v3"));
  for (const auto& [root, entry] : index["paths"].items()) {
    const std::string url = entry["serverRelativeURL"];
    const json document = json::parse(*openapi.V3(url));
    EXPECT_FALSE(document["paths"].empty()) << root;
    CheckReferences(document, document);
  }
  EXPECT_FALSE(openapi.V3("/openapi/v3/apis/nobody/v1").has_value());
}

TEST(OpenApiTest, Version2HoldsEverything) {
  const OpenApi openapi(Version());
  const json document = json::parse(openapi.V2Json());
  CheckReferences(document, document);
  const json& pod = document["definitions"][kPod];
  EXPECT_EQ(pod["x-kubernetes-group-version-kind"][0]["kind"], "Pod");
  EXPECT_EQ(pod["properties"]["spec"]["$ref"], "#/definitions/io.k8s.api.core.v1.PodSpec");
  const json& containers =
      document["definitions"]["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"];
  EXPECT_EQ(containers["x-kubernetes-patch-merge-key"], "name");
  EXPECT_EQ(containers["x-kubernetes-patch-strategy"], "merge");
  const json& strategy =
      document["definitions"]["io.k8s.api.apps.v1.DeploymentSpec"]["properties"]["strategy"];
  EXPECT_EQ(strategy["x-kubernetes-patch-strategy"], "retainKeys");
  std::vector<std::string> parameters;
  for (const json& parameter :
       document["paths"][std::string(kPods) + "/{name}"]["patch"]["parameters"]) {
    parameters.push_back(parameter["name"]);
  }
  EXPECT_THAT((std::vector<std::string>{"body", "dryRun", "force"}), IsSubsetOf(parameters));
  EXPECT_TRUE(document["paths"].contains(std::string(kPods) + "/{name}/eviction"));
}

// The strings, or messages, in field `number` of an encoded message.
std::vector<std::string> All(const std::string& message, int number) {
  std::vector<std::string> out;
  UnknownFieldSet fields;
  EXPECT_TRUE(fields.ParseFromString(message));
  for (int i = 0; i < fields.field_count(); ++i) {
    if (fields.field(i).number() == number) out.push_back(fields.field(i).length_delimited());
  }
  return out;
}

std::string One(const std::string& message, int number) {
  const auto all = All(message, number);
  EXPECT_EQ(all.size(), 1u) << "field " << number;
  return all.empty() ? "" : all[0];
}

// The value of `name` in a list of {1: name, 2: value}.
std::string Find(const std::string& list, int number, std::string_view name) {
  for (const std::string& entry : All(list, number)) {
    if (One(entry, 1) == name) return One(entry, 2);
  }
  ADD_FAILURE() << "no " << name;
  return "";
}

TEST(OpenApiTest, TheWireFormSaysTheSame) {
  const OpenApi openapi(Version());
  const std::string& document = openapi.V2Proto();
  EXPECT_EQ(One(document, 1), "2.0");
  EXPECT_EQ(One(One(document, 2), 2), "v1.35.0");

  const std::string pod = Find(One(document, 9), 1, kPod);
  EXPECT_EQ(One(One(pod, 22), 1), "object");
  const std::string spec = Find(One(pod, 25), 1, "spec");
  EXPECT_EQ(One(spec, 1), "#/definitions/io.k8s.api.core.v1.PodSpec");
  EXPECT_THAT(One(Find(pod, 31, "x-kubernetes-group-version-kind"), 2),
              testing::HasSubstr(R"("kind":"Pod")"));

  const std::string item = Find(One(document, 8), 2, std::string(kPods) + "/{name}");
  std::vector<std::string> query;
  for (const std::string& parameter : All(One(item, 8), 8)) {
    for (const std::string& plain : All(One(parameter, 1), 2)) {
      query.push_back(One(One(plain, 3), 4));
    }
  }
  EXPECT_THAT(query, testing::ElementsAre("dryRun", "fieldManager", "fieldValidation", "force"));
}

}  // namespace
}  // namespace berth::controlplane
