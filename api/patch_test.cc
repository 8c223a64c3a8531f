// SPDX-License-Identifier: Apache-2.0
#include "api/patch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "base/status.h"

namespace berth::api {
namespace {

using testing::HasSubstr;

// Single quotes read better in tests.
std::string J(std::string text) {
  for (char& c : text) c = c == '\'' ? '"' : c;
  return text;
}

std::string Strategic(const std::string& document, const std::string& patch) {
  const auto result = StrategicMergePatch(*core::v1::Pod::descriptor(), J(document), J(patch));
  EXPECT_TRUE(result.ok()) << result.status();
  return result.ok() ? *result : "";
}

TEST(MergePatch, FollowsTheExamplesOfRfc7386) {
  const char* cases[][3] = {
      {"{'a':'b'}", "{'a':'c'}", "{'a':'c'}"},
      {"{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}"},
      {"{'a':'b'}", "{'a':null}", "{}"},
      {"{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}"},
      {"{'a':['b']}", "{'a':'c'}", "{'a':'c'}"},
      {"{'a':'c'}", "{'a':['b']}", "{'a':['b']}"},
      {"{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}"},
      {"{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}"},
      {"{'e':null}", "{'a':1}", "{'e':null,'a':1}"},
      {"[1,2]", "{'a':'b','c':null}", "{'a':'b'}"},
      {"{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}"},
  };
  for (const auto& [document, patch, want] : cases) {
    const auto result = MergePatch(J(document), J(patch));
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(*result, J(want)) << document << " + " << patch;
  }
  EXPECT_EQ(
      *MakeMergePatch(J("{'a':1,'b':{'c':1,'d':2},'e':[1]}"), J("{'b':{'c':1},'e':[2],'f':3}")),
      J("{'a':null,'b':{'d':null},'e':[2],'f':3}"));
  EXPECT_EQ(*MakeMergePatch(J("{'a':1,'b':2}"), J("{'b':2,'a':1}")), "{}");
}

TEST(MergePatch, RefusesWhatIsNoJson) {
  EXPECT_TRUE(absl::IsInvalidArgument(MergePatch("{}", "{").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MergePatch("{}", "[]").status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MergePatch("{}", std::string(5000, '[')).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(MergePatch("{}", "{\"a\":\"\xff\"}").status()));
}

TEST(JsonPatch, FollowsRfc6902) {
  const char* cases[][3] = {
      {"{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux'}]", "{'foo':'bar','baz':'qux'}"},
      {"{'foo':['a','c']}", "[{'op':'add','path':'/foo/1','value':'b'}]", "{'foo':['a','b','c']}"},
      {"{'foo':['a']}", "[{'op':'add','path':'/foo/-','value':'b'}]", "{'foo':['a','b']}"},
      {"{'a':1,'b':2}", "[{'op':'remove','path':'/b'}]", "{'a':1}"},
      {"{'a':[1,2,3]}", "[{'op':'remove','path':'/a/1'}]", "{'a':[1,3]}"},
      {"{'a':1}", "[{'op':'replace','path':'/a','value':{'x':null}}]", "{'a':{'x':null}}"},
      {"{'a':{'b':1},'c':{}}", "[{'op':'move','from':'/a/b','path':'/c/d'}]",
       "{'a':{},'c':{'d':1}}"},
      {"{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/c'}]", "{'a':{'b':1},'c':{'b':1}}"},
      {"{'a':[1,{'x':2,'y':3}]}", "[{'op':'test','path':'/a','value':[1,{'y':3,'x':2}]}]",
       "{'a':[1,{'x':2,'y':3}]}"},
      {"{'m~n':{'a/b':1}}", "[{'op':'replace','path':'/m~0n/a~1b','value':2}]",
       "{'m~n':{'a/b':2}}"},
      {"{'a':1}", "[{'op':'replace','path':'','value':{'b':2}}]", "{'b':2}"},
      {"{'a':1}", "[{'op':'test','path':'/b','value':null}]", "{'a':1}"},
  };
  for (const auto& [document, patch, want] : cases) {
    const auto result = JsonPatch(J(document), J(patch));
    ASSERT_TRUE(result.ok()) << patch << ": " << result.status();
    EXPECT_EQ(*result, J(want)) << patch;
  }
}

TEST(JsonPatch, SaysWhyAnOperationDoesNotApply) {
  const char* cases[][2] = {
      {"[{'op':'remove','path':'/x'}]",
       "error in remove for path: '/x': unable to remove nonexistent key: x: missing value"},
      {"[{'op':'remove','path':'/x/y'}]",
       "remove operation does not apply: doc is missing path: '/x/y': missing value"},
      {"[{'op':'add','path':'/x/y','value':1}]",
       "add operation does not apply: doc is missing path: '/x/y': missing value"},
      {"[{'op':'replace','path':'/x','value':1}]",
       "replace operation does not apply: doc is missing key: /x: missing value"},
      {"[{'op':'add','path':'/l/9','value':1}]",
       "error in add for path: '/l/9': Unable to access invalid index: 9: invalid index "
       "referenced"},
      {"[{'op':'test','path':'/a','value':2}]", "testing value /a failed: test failed"},
      {"[{'op':'move','from':'/x/y','path':'/b'}]",
       "move operation does not apply: doc is missing from path: /x/y: missing value"},
      {"[{'op':'frob','path':'/a'}]", "Unexpected kind: frob"},
  };
  for (const auto& [patch, error] : cases) {
    const auto result = JsonPatch(J("{'a':1,'l':[1]}"), J(patch));
    EXPECT_TRUE(absl::IsFailedPrecondition(result.status())) << patch;
    std::string want = error;
    if (want.find("doc is missing path: '") != std::string::npos) want = J(want);
    EXPECT_EQ(base::Message(result.status()), want);
  }
  EXPECT_EQ(base::Message(JsonPatch("{}", J("[{'op':'add','path':7}]")).status()),
            "patch[0].path: want a string");
  EXPECT_TRUE(absl::IsInvalidArgument(JsonPatch("{}", "{}").status()));
}

TEST(StrategicMergePatch, ChangesOneContainerByName) {
  EXPECT_EQ(Strategic("{'spec':{'containers':[{'name':'a','image':'x:1','args':['p']},"
                      "{'name':'b','image':'y:1'}]}}",
                      "{'spec':{'$setElementOrder/containers':[{'name':'a'},{'name':'b'}],"
                      "'containers':[{'name':'b','image':'y:2'}]}}"),
            J("{'spec':{'containers':[{'name':'a','image':'x:1','args':['p']},"
              "{'name':'b','image':'y:2'}]}}"));
}

TEST(StrategicMergePatch, RemovesAnEnvironmentVariable) {
  EXPECT_EQ(
      Strategic("{'spec':{'containers':[{'name':'a','env':[{'name':'X','value':'1'},"
                "{'name':'Y','value':'2'}]}]}}",
                "{'spec':{'containers':[{'name':'a','env':[{'name':'X','$patch':'delete'}]}]}}"),
      J("{'spec':{'containers':[{'name':'a','env':[{'name':'Y','value':'2'}]}]}}"));
}

TEST(StrategicMergePatch, PortsMergeByContainerPortAlone) {
  EXPECT_EQ(Strategic("{'spec':{'containers':[{'name':'a','ports':[{'containerPort':53,"
                      "'protocol':'TCP'},{'containerPort':53,'protocol':'UDP'}]}]}}",
                      "{'spec':{'containers':[{'name':'a','ports':[{'containerPort':53,"
                      "'name':'dns'},{'containerPort':80}]}]}}"),
            J("{'spec':{'containers':[{'name':'a','ports':[{'containerPort':53,'protocol':'TCP',"
              "'name':'dns'},{'containerPort':53,'protocol':'UDP'},{'containerPort':80}]}]}}"));
}

TEST(StrategicMergePatch, AtomicListsAreReplaced) {
  EXPECT_EQ(Strategic("{'spec':{'tolerations':[{'key':'a'}]}}",
                      "{'spec':{'tolerations':[{'key':'b','operator':'Exists'}]}}"),
            J("{'spec':{'tolerations':[{'key':'b','operator':'Exists'}]}}"));
}

TEST(StrategicMergePatch, ConditionsMergeByType) {
  EXPECT_EQ(Strategic("{'status':{'conditions':[{'type':'Ready','status':'False','reason':'x'},"
                      "{'type':'PodScheduled','status':'True'}]}}",
                      "{'status':{'conditions':[{'type':'Ready','status':'True','reason':null},"
                      "{'type':'New','status':'True'}]}}"),
            J("{'status':{'conditions':[{'type':'Ready','status':'True'},{'type':'PodScheduled',"
              "'status':'True'},{'type':'New','status':'True'}]}}"));
}

TEST(StrategicMergePatch, PrimitiveListsAreSets) {
  EXPECT_EQ(
      Strategic("{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['c','a']}}"),
      J("{'metadata':{'finalizers':['a','b','c']}}"));
  EXPECT_EQ(Strategic("{'metadata':{'finalizers':['a','b']}}",
                      "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a'],"
                      "'$setElementOrder/finalizers':['c','b'],'finalizers':['c']}}"),
            J("{'metadata':{'finalizers':['c','b']}}"));
}

TEST(StrategicMergePatch, NullsDelete) {
  EXPECT_EQ(Strategic("{'metadata':{'annotations':{'a':'1','b':'2'},'labels':{'x':'y'}}}",
                      "{'metadata':{'annotations':{'a':null,'c':null},'labels':null}}"),
            J("{'metadata':{'annotations':{'b':'2'}}}"));
  EXPECT_EQ(Strategic("{}", "{'metadata':{'annotations':{'a':null,'b':'1'}}}"),
            J("{'metadata':{'annotations':{'b':'1'}}}"));
}

TEST(StrategicMergePatch, ObeysDirectives) {
  EXPECT_EQ(Strategic("{'metadata':{'labels':{'a':'1'}}}",
                      "{'metadata':{'labels':{'$patch':'replace','b':'2'}}}"),
            J("{'metadata':{'labels':{'b':'2'}}}"));
  EXPECT_EQ(Strategic("{'spec':{'securityContext':{'runAsUser':1}}}",
                      "{'spec':{'securityContext':{'$patch':'delete'}}}"),
            J("{'spec':{'securityContext':{}}}"));
  EXPECT_EQ(Strategic("{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}",
                      "{'spec':{'containers':[{'name':'c'},{'$patch':'replace'}]}}"),
            J("{'spec':{'containers':[{'name':'c'}]}}"));
  EXPECT_EQ(Strategic("{'spec':{'volumes':[{'name':'v','emptyDir':{}}]}}",
                      "{'spec':{'volumes':[{'name':'v','hostPath':{'path':'/x'},"
                      "'$retainKeys':['name','hostPath']}]}}"),
            J("{'spec':{'volumes':[{'name':'v','hostPath':{'path':'/x'}}]}}"));
  EXPECT_EQ(Strategic("{'spec':{'containers':[{'name':'x'},{'name':'b'},{'name':'a'}]}}",
                      "{'spec':{'$setElementOrder/containers':[{'name':'a'},{'name':'b'}]}}"),
            J("{'spec':{'containers':[{'name':'x'},{'name':'a'},{'name':'b'}]}}"));
}

TEST(StrategicMergePatch, RetainKeysOfDeploymentStrategy) {
  const auto result = StrategicMergePatch(
      *apps::v1::Deployment::descriptor(),
      J("{'spec':{'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':1}}}}"),
      J("{'spec':{'strategy':{'$retainKeys':['type'],'type':'Recreate'}}}"));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, J("{'spec':{'strategy':{'type':'Recreate'}}}"));
}

TEST(StrategicMergePatch, ErrorsNameThePath) {
  const char* cases[][2] = {
      {"{'spec':{'containers':[{'image':'x'}]}}", "spec.containers[0]: map: "},
      {"{'spec':{'containers':['x']}}", "spec.containers[0]: want an object"},
      {"{'spec':{'$patch':'frob'}}", "spec.$patch: unknown patch type: "},
      {"{'spec':{'containers':[{'name':'a','env':[{'$patch':'delete'}]}]}}",
       "spec.containers[0].env[0]: map: "},
      {"{'metadata':{'$setElementOrder/finalizers':1}}",
       "metadata.$setElementOrder/finalizers: want a list"},
  };
  for (const auto& [patch, error] : cases) {
    const auto result = StrategicMergePatch(
        *core::v1::Pod::descriptor(),
        J("{'metadata':{},'spec':{'containers':[{'name':'a','env':[]}]}}"), J(patch));
    ASSERT_TRUE(absl::IsInvalidArgument(result.status())) << patch;
    EXPECT_THAT(std::string(base::Message(result.status())), HasSubstr(error));
  }
}

TEST(MakeStrategicPatch, IsMinimalAndTurnsTheOneIntoTheOther) {
  const char* cases[][3] = {
      {"{'a':1}", "{'a':1}", "{}"},
      {"{'status':{'phase':'Pending','conditions':[{'type':'A','status':'x'},{'type':'B','status':"
       "'y'}]}}",
       "{'status':{'phase':'Running','conditions':[{'type':'A','status':'z'},{'type':'B','status':"
       "'y'}]}}",
       "{'status':{'phase':'Running','$setElementOrder/conditions':[{'type':'A'},{'type':'B'}],"
       "'conditions':[{'type':'A','status':'z'}]}}"},
      {"{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}",
       "{'spec':{'containers':[{'name':'b'}]}}",
       "{'spec':{'$setElementOrder/containers':[{'name':'b'}],'containers':[{'$patch':'delete',"
       "'name':'a'}]}}"},
      {"{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['c','b']}}",
       "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a'],'$setElementOrder/finalizers':"
       "['c','b'],'finalizers':['c']}}"},
      {"{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'b':'1'}}}",
       "{'metadata':{'labels':{'a':null,'b':'1'}}}"},
      {"{'spec':{'tolerations':[{'key':'a'}]}}", "{'spec':{'tolerations':[{'key':'b'}]}}",
       "{'spec':{'tolerations':[{'key':'b'}]}}"},
      {"{'spec':{'volumes':[{'name':'v','emptyDir':{}}]}}",
       "{'spec':{'volumes':[{'name':'v','hostPath':{'path':'/x'}}]}}",
       "{'spec':{'$setElementOrder/volumes':[{'name':'v'}],'volumes':[{'name':'v','emptyDir':null,"
       "'hostPath':{'path':'/x'},'$retainKeys':['hostPath','name']}]}}"},
      {"{'spec':{'containers':[{'name':'a','ports':[{'containerPort':53,'protocol':'TCP'},"
       "{'containerPort':53,'protocol':'UDP'}]}]}}",
       "{'spec':{'containers':[{'name':'a','ports':[{'containerPort':53,'protocol':'UDP'}]}]}}",
       "{'spec':{'$setElementOrder/containers':[{'name':'a'}],'containers':[{'name':'a','ports':"
       "[{'containerPort':53,'protocol':'UDP'},{'$patch':'replace'}]}]}}"},
      {"{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}",
       "{'spec':{'containers':[{'name':'b'},{'name':'a'}]}}",
       "{'spec':{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}]}}"},
  };
  for (const auto& [before, after, want] : cases) {
    const auto patch = MakeStrategicPatch(*core::v1::Pod::descriptor(), J(before), J(after));
    ASSERT_TRUE(patch.ok()) << patch.status();
    EXPECT_EQ(*patch, J(want));
    const auto result = StrategicMergePatch(*core::v1::Pod::descriptor(), J(before), *patch);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_EQ(nlohmann::json::parse(*result), nlohmann::json::parse(J(after))) << *patch;
  }
}

TEST(ApplyPatch, MergesByTheSchemasListTypes) {
  const auto apply = [](const std::string& document, const std::string& applied) {
    const auto result = ApplyPatch(*core::v1::Service::descriptor(), J(document), J(applied));
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? *result : "";
  };
  EXPECT_EQ(apply("{'metadata':{'labels':{'a':'1'},'finalizers':['f']}}",
                  "{'metadata':{'labels':{'b':'2'},'finalizers':['g','f']}}"),
            J("{'metadata':{'labels':{'a':'1','b':'2'},'finalizers':['f','g']}}"));
  // A port without a protocol is a TCP port.
  EXPECT_EQ(
      apply("{'spec':{'ports':[{'port':53,'protocol':'TCP'},{'port':53,'protocol':'UDP'}]}}",
            "{'spec':{'ports':[{'port':53,'name':'x'},{'port':53,'protocol':'UDP','name':'y'},"
            "{'port':80}]}}"),
      J("{'spec':{'ports':[{'port':53,'protocol':'TCP','name':'x'},{'port':53,'protocol':'UDP',"
        "'name':'y'},{'port':80}]}}"));
  EXPECT_EQ(apply("{'spec':{'selector':{'a':'1'},'externalIPs':['1.1.1.1']}}",
                  "{'spec':{'selector':{'b':'2'},'externalIPs':['2.2.2.2'],'type':null}}"),
            J("{'spec':{'selector':{'b':'2'},'externalIPs':['2.2.2.2']}}"));
  EXPECT_EQ(base::Message(ApplyPatch(*core::v1::Service::descriptor(), "{}",
                                     J("{'spec':{'ports':[{'port':1},{'port':1}]}}"))
                              .status()),
            J("spec.ports[1]: duplicate entries for key [1,'TCP']"));
}

// Random small changes to a Pod: the patch between two states always leads from one to the other.
TEST(MakeStrategicPatch, RoundTripsRandomStates) {
  std::mt19937 random(11);
  const auto state = [&] {
    nlohmann::json pod = nlohmann::json::object();
    for (const char* name : {"a", "b", "c", "d"}) {
      if (random() % 3 == 0) continue;
      nlohmann::json container = {{"name", name}, {"image", random() % 2 == 0 ? "x" : "y"}};
      for (const char* env : {"E", "F", "G"}) {
        if (random() % 2 == 0) {
          container["env"].push_back({{"name", env}, {"value", std::to_string(random() % 2)}});
        }
      }
      pod["spec"]["containers"].push_back(container);
    }
    for (const char* finalizer : {"f", "g", "h"}) {
      if (random() % 2 == 0) pod["metadata"]["finalizers"].push_back(finalizer);
    }
    if (pod.contains("spec") && random() % 2 == 0) {
      std::shuffle(pod["spec"]["containers"].begin(), pod["spec"]["containers"].end(), random);
    }
    return pod;
  };
  for (int i = 0; i < 3000; ++i) {
    const nlohmann::json before = state();
    const nlohmann::json after = state();
    const auto patch =
        MakeStrategicPatch(*core::v1::Pod::descriptor(), before.dump(), after.dump());
    ASSERT_TRUE(patch.ok()) << patch.status();
    const auto result = StrategicMergePatch(*core::v1::Pod::descriptor(), before.dump(), *patch);
    ASSERT_TRUE(result.ok()) << result.status();
    ASSERT_EQ(nlohmann::json::parse(*result), after) << before << "\n" << *patch;
  }
}

}  // namespace
}  // namespace berth::api
