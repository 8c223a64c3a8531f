// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/role_rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/proto/rbac/v1/rbac.pb.h"
#include "controlplane/apiserver/api_fixture.h"
#include "controlplane/apiserver/role_text.h"

namespace berth::controlplane {
namespace {

using api::rbac::v1::ClusterRole;
using api::rbac::v1::ClusterRoleBinding;
using nlohmann::json;

template <class T>
T Parse(const std::string& yaml) {
  const auto object = api::DecodeYamlObject(yaml);
  EXPECT_TRUE(object.ok()) << object.status() << yaml;
  return static_cast<const T&>(**object);
}
ClusterRole Of(const std::string& rules) { return Parse<ClusterRole>(Role("r", rules)); }

TEST(AddMissing, AddsRulesThatNoOtherCovers) {
  const ClusterRole wanted = Of(Rule("", "pods, services", "get, list") + PathRule("/healthz"));
  ClusterRole stored = wanted;
  EXPECT_FALSE(AddMissing(wanted, stored));
  for (const char* wider : {"- {apiGroups: ['*'], resources: ['*'], verbs: ['*']}\n"
                            "- {nonResourceURLs: ['*'], verbs: ['*']}\n",
                            "- {apiGroups: [''], resources: [pods], verbs: [get, list, watch]}\n"
                            "- {apiGroups: [''], resources: [services], verbs: [get, list]}\n"
                            "- {nonResourceURLs: [/healthz], verbs: [get]}\n"}) {
    stored = Of(wider);
    EXPECT_FALSE(AddMissing(wanted, stored)) << wider;
  }
  stored = Of(Rule("", "pods", "get, list") + Rule("", "services", "get", "one"));
  EXPECT_TRUE(AddMissing(wanted, stored));
  EXPECT_EQ(stored.rules_size(), 4);  // both of before, both that were wanted
  EXPECT_FALSE(AddMissing(wanted, stored));
}

TEST(AddMissing, LeavesAloneWhatIsSomebodysOwn) {
  const ClusterRole wanted = Of(Rule("", "pods", "get"));
  ClusterRole stored = Of(Rule("", "nodes", "get"));
  (*stored.mutable_metadata()
        ->mutable_annotations())["rbac.authorization.kubernetes.io/autoupdate"] = "false";
  EXPECT_FALSE(AddMissing(wanted, stored));
  EXPECT_EQ(stored.rules_size(), 1);
}

TEST(AddMissing, PutsSubjectsBackAndKeepsOthers) {
  const auto wanted = Parse<ClusterRoleBinding>(Binding("b", GroupSubject("system:masters")));
  auto stored = Parse<ClusterRoleBinding>(Binding("b", UserSubject("bob")));
  EXPECT_TRUE(AddMissing(wanted, stored));
  ASSERT_EQ(stored.subjects_size(), 2);
  EXPECT_EQ(stored.subjects(1).name(), "system:masters");
  EXPECT_FALSE(AddMissing(wanted, stored));
}

TEST(Aggregate, GathersTheRulesOfTheRolesThatAreSelected) {
  ClusterRole view = Parse<ClusterRole>(AggregatedRole("view"));
  const auto named = [](const char* name, const std::string& rules, const std::string& labels) {
    return Parse<ClusterRole>(Role(name, rules, labels));
  };
  const ClusterRole b = named("b", Rule("", "pods", "get"), AggregateTo("view"));
  const ClusterRole a =
      named("a", Rule("", "nodes", "get") + Rule("", "pods", "get"), AggregateTo("view"));
  const ClusterRole other = named("c", Rule("", "secrets", "get"), AggregateTo("edit"));
  EXPECT_TRUE(Aggregate({&b, &view, &other, &a}, view));
  ASSERT_EQ(view.rules_size(), 2);
  EXPECT_EQ(view.rules(0).resources(0), "nodes");
  EXPECT_EQ(view.rules(1).resources(0), "pods");
  EXPECT_FALSE(Aggregate({&a, &b}, view));
  EXPECT_TRUE(Aggregate({&b}, view));
  EXPECT_EQ(view.rules_size(), 1);
  ClusterRole plain = a;
  EXPECT_FALSE(Aggregate({&b}, plain));
}

class DefaultRolesTest : public ApiFixture {
 protected:
  const std::string rbac_ = "/apis/rbac.authorization.k8s.io/v1/";
};

TEST_F(DefaultRolesTest, WhatSomebodyTookAwayIsBackAfterARestart) {
  json role = Get(rbac_ + "clusterroles/system:node-bootstrapper")->Json();
  role["rules"] = json::array({{{"apiGroups", {"x"}}, {"resources", {"y"}}, {"verbs", {"get"}}}});
  EXPECT_EQ(
      Call("PUT", rbac_ + "clusterroles/system:node-bootstrapper", role.dump())->response().status,
      200);
  Call("DELETE", rbac_ + "clusterrolebindings/system:discovery");
  Restart();
  role = Get(rbac_ + "clusterroles/system:node-bootstrapper")->Json();
  ASSERT_EQ(role["rules"].size(), 2u);
  EXPECT_EQ(role["rules"][1]["resources"][0], "certificatesigningrequests");
  EXPECT_EQ(Get(rbac_ + "clusterrolebindings/system:discovery")->response().status, 200);
}

TEST_F(DefaultRolesTest, ABindingToAnotherRoleIsMadeAnew) {
  const std::string path = rbac_ + "clusterrolebindings/system:node-proxier";
  json binding = Get(path)->Json();
  Call("DELETE", path);
  binding["metadata"].erase("resourceVersion");
  binding["metadata"].erase("uid");
  binding["roleRef"]["name"] = "cluster-admin";
  Make(rbac_ + "clusterrolebindings", binding.dump());
  Restart();
  EXPECT_EQ(Get(path)->Json()["roleRef"]["name"], "system:node-proxier");
}

TEST_F(DefaultRolesTest, NobodyGivesAwayWhatHeDoesNotHave) {
  const auto bind = [this](const char* name, const char* kind, const char* role, const char* user) {
    return json{
        {"metadata", {{"name", name}}},
        {"roleRef", {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", kind}, {"name", role}}},
        {"subjects",
         {{{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "User"}, {"name", user}}}}}
        .dump();
  };
  const auto role = [](const char* name, const char* resource) {
    return json{{"metadata", {{"name", name}}},
                {"rules",
                 {{{"apiGroups", {"", "rbac.authorization.k8s.io"}},
                   {"resources", {resource}},
                   {"verbs", {"get", "create", "update"}}}}}}
        .dump();
  };
  const std::string here = rbac_ + "namespaces/default/";
  Make(here + "roles", role("roles", "roles"));
  Make(here + "roles", role("bindings", "rolebindings"));
  Make(here + "rolebindings", bind("a", "Role", "roles", "bob"));
  Make(here + "rolebindings", bind("b", "Role", "bindings", "bob"));
  peer_ = {.common_name = "bob", .organizations = {}};
  const Answer refused = Post(here + "roles", role("more", "secrets"));
  EXPECT_EQ(refused->response().status, 403);
  EXPECT_THAT(refused->Json().value("message", ""),
              ::testing::HasSubstr("user \"bob\" (groups=[\"system:authenticated\"]) is attempting "
                                   "to grant RBAC permissions not currently held:\n{APIGroups:["));
  EXPECT_EQ(Post(here + "roles", role("same", "roles"))->response().status, 201);
  EXPECT_EQ(Post(here + "rolebindings", bind("c", "ClusterRole", "cluster-admin", "bob"))
                ->response()
                .status,
            403);
  EXPECT_EQ(Post(here + "rolebindings", bind("d", "Role", "roles", "eve"))->response().status, 201);
  // Who may bind a role need not have what it gives.
  peer_ = {.common_name = "admin", .organizations = {"system:masters"}};
  Make(here + "roles", json{{"metadata", {{"name", "binder"}}},
                            {"rules",
                             {{{"apiGroups", {"rbac.authorization.k8s.io"}},
                               {"resources", {"clusterroles"}},
                               {"resourceNames", {"cluster-admin"}},
                               {"verbs", {"bind"}}}}}}
                           .dump());
  Make(here + "rolebindings", bind("e", "Role", "binder", "bob"));
  peer_ = {.common_name = "bob", .organizations = {}};
  EXPECT_EQ(Post(here + "rolebindings", bind("f", "ClusterRole", "cluster-admin", "bob"))
                ->response()
                .status,
            201);
}

TEST_F(DefaultRolesTest, MonitoringReadsMetricsAndNothingElse) {
  peer_ = {.common_name = "prometheus", .organizations = {"system:monitoring"}};
  EXPECT_EQ(Get("/metrics")->response().status, 200);
  EXPECT_EQ(Get("/api/v1/nodes")->response().status, 403);
}

}  // namespace
}  // namespace berth::controlplane
