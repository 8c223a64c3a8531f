// SPDX-License-Identifier: Apache-2.0
#include "api/field_ownership.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"

namespace berth::api {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Single quotes read better in tests.
std::string J(std::string text) {
  for (char& c : text) c = c == '\'' ? '"' : c;
  return text;
}

template <class T>
FieldSet Fields(const std::string& document) {
  const auto fields = FieldsOf(*T::descriptor(), J(document));
  EXPECT_TRUE(fields.ok()) << fields.status();
  return fields.value_or(FieldSet());
}

std::vector<std::string> Texts(const FieldSet& fields) {
  std::vector<std::string> out;
  for (const FieldPath& path : fields) out.push_back(ToText(path));
  return out;
}

TEST(FieldSet, IsWrittenAsFieldsV1AndReadBack) {
  const FieldSet fields = {{"f:data", "f:a"},
                           {"f:spec", "f:containers", "k:{\"name\":\"c\"}"},
                           {"f:spec", "f:containers", "k:{\"name\":\"c\"}", "f:image"}};
  const std::string text = EncodeFields(fields);
  EXPECT_EQ(text, J("{'f:data':{'f:a':{}},'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':"
                    "{'.':{},'f:image':{}}}}}"));
  EXPECT_EQ(ParseFields(text).value(), fields);
  EXPECT_EQ(EncodeFields({}), "{}");
  EXPECT_THAT(ParseFields("{}").value(), IsEmpty());
}

TEST(FieldSet, RefusesWhatIsNoFieldsV1) {
  for (const char* text : {"", "[]", "{'f:a':1}", "{'a':{}}", "{'x:a':{}}", "{'f':{}}"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ParseFields(J(text)).status())) << text;
  }
}

TEST(FieldsOf, NamesLeavesElementsAndAtomicValues) {
  EXPECT_THAT(
      Texts(Fields<core::v1::Pod>(
          "{'kind':'Pod','apiVersion':'v1','metadata':{'name':'p','labels':{'a':'b'},"
          "'finalizers':['x/y']},'spec':{'containers':[{'name':'c','image':'i','args':['1','2'],"
          "'ports':[{'containerPort':80}],'resources':{}}],'nodeSelector':{'k':'v'}}}")),
      ElementsAre(".metadata.finalizers[=\"x/y\"]", ".metadata.labels.a",
                  ".spec.containers[name=\"c\"]", ".spec.containers[name=\"c\"].args",
                  ".spec.containers[name=\"c\"].image", ".spec.containers[name=\"c\"].name",
                  ".spec.containers[name=\"c\"].ports[containerPort=80,protocol=\"TCP\"]",
                  ".spec.containers[name=\"c\"].ports[containerPort=80,protocol=\"TCP\"]"
                  ".containerPort",
                  ".spec.containers[name=\"c\"].resources", ".spec.nodeSelector"));
}

TEST(FieldsOf, RefusesElementsWithoutKeys) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      FieldsOf(*core::v1::Pod::descriptor(), J("{'spec':{'containers':[{'image':'i'}]}}"))
          .status()));
  EXPECT_TRUE(absl::IsInvalidArgument(FieldsOf(*core::v1::Pod::descriptor(), "[]").status()));
}

TEST(CompareFields, TellsWhatWasWrittenAndRemoved) {
  const auto changes =
      CompareFields(*core::v1::Pod::descriptor(),
                    J("{'metadata':{'resourceVersion':'1','labels':{'a':'1','b':'1'}},"
                      "'spec':{'containers':[{'name':'x','image':'1'},{'name':'y','image':'1'}]}}"),
                    J("{'metadata':{'resourceVersion':'2','labels':{'a':'2','c':'1'}},"
                      "'spec':{'containers':[{'image':'1','name':'x'},{'name':'z'}]}}"));
  ASSERT_TRUE(changes.ok()) << changes.status();
  EXPECT_THAT(Texts(changes->written),
              ElementsAre(".metadata.labels.a", ".metadata.labels.c",
                          ".spec.containers[name=\"z\"]", ".spec.containers[name=\"z\"].name"));
  EXPECT_THAT(
      Texts(changes->removed),
      ElementsAre(".metadata.labels.b", ".spec.containers[name=\"y\"]",
                  ".spec.containers[name=\"y\"].image", ".spec.containers[name=\"y\"].name"));
}

TEST(RemoveFields, TakesElementsWholeUnlessSomebodyOwnsAPartOfThem) {
  const std::string pod =
      "{'spec':{'containers':[{'name':'x','image':'1','args':['a']},{'name':'y','image':'1'}]}}";
  const auto& type = *core::v1::Pod::descriptor();
  const FieldSet x = Fields<core::v1::Pod>("{'spec':{'containers':[{'name':'x','image':'1'}]}}");
  const FieldSet y = Fields<core::v1::Pod>("{'spec':{'containers':[{'name':'y','image':'1'}]}}");
  EXPECT_EQ(RemoveFields(type, J(pod), x, y).value(),
            J("{'spec':{'containers':[{'name':'y','image':'1'}]}}"));
  FieldSet owned = y;
  owned.insert({"f:spec", "f:containers", "k:{\"name\":\"x\"}", "f:args"});
  owned.insert({"f:spec", "f:containers", "k:{\"name\":\"x\"}", "f:name"});
  EXPECT_EQ(RemoveFields(type, J(pod), x, owned).value(),
            J("{'spec':{'containers':[{'name':'x','args':['a']},{'name':'y','image':'1'}]}}"));
}

TEST(RemoveFields, TakesAStructureInWhichNothingIsOwnedButNeverMetadata) {
  const FieldSet gone =
      Fields<core::v1::ConfigMap>("{'metadata':{'labels':{'l':'1'}},'data':{'a':'1'}}");
  EXPECT_EQ(RemoveFields(*core::v1::ConfigMap::descriptor(),
                         J("{'metadata':{'name':'n','labels':{'l':'1'}},'data':{'a':'1','b':'2'}}"),
                         gone, {})
                .value(),
            J("{'metadata':{'name':'n'}}"));
}

}  // namespace
}  // namespace berth::api
