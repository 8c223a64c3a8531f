// SPDX-License-Identifier: Apache-2.0
// Who may do what, through the whole API server.
#include <gmock/gmock.h>

#include "controlplane/apiserver/api_fixture.h"
#include "controlplane/auth/tokens.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kPods = "/api/v1/namespaces/default/pods";

class AuthTest : public ApiFixture {
 protected:
  void Become(std::string name, std::vector<std::string> groups = {}) {
    peer_ = {.common_name = std::move(name), .organizations = std::move(groups)};
  }
  void BecomeAdmin() { Become("admin", {"system:masters"}); }
  void BecomeNode(const std::string& node) { Become("system:node:" + node, {"system:nodes"}); }
  int Status(const Answer& answer) { return answer->response().status; }
  std::string Message(const Answer& answer) { return answer->Json().value("message", ""); }

  // A pod of node n1 with this secret as a volume.
  void MakePod(const std::string& name, const std::string& node, const std::string& secret) {
    json pod{{"metadata", {{"name", name}}},
             {"spec",
              {{"nodeName", node},
               {"containers", {{{"name", "c"}, {"image", "x"}}}},
               {"volumes", {{{"name", "v"}, {"secret", {{"secretName", secret}}}}}}}}};
    Make(kPods, pod.dump());
  }
};

TEST_F(AuthTest, StrangersReadTheVersionAndNothingElse) {
  Become("");
  EXPECT_EQ(Status(Get("/version")), 200);
  EXPECT_EQ(Status(Get("/livez")), 200);
  const Answer pods = Get(kPods);
  EXPECT_EQ(Status(pods), 403);
  EXPECT_EQ(Message(pods),
            "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API "
            "group \"\" in the namespace \"default\"");
  EXPECT_EQ(Message(Get("/metrics")),
            "forbidden: User \"system:anonymous\" cannot get path \"/metrics\"");
}

TEST_F(AuthTest, RolesGiveWhatTheySayWhereTheyAreBound) {
  const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/";
  Make(
      rbac + "roles",
      R"({"metadata":{"name":"r"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}]})");
  Make(
      rbac + "rolebindings",
      R"({"metadata":{"name":"b"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"r"},"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"bob"}]})");
  Become("bob");
  EXPECT_EQ(Status(Get(kPods)), 200);
  EXPECT_EQ(Status(Get("/api/v1/namespaces/kube-system/pods")), 403);
  EXPECT_EQ(Status(Get("/api/v1/pods")), 403);
  EXPECT_EQ(Status(Call("DELETE", std::string(kPods) + "/x")), 403);
  Become("eve");
  EXPECT_EQ(Status(Get(kPods)), 403);
  EXPECT_EQ(Status(Get("/apis")), 200);
}

TEST_F(AuthTest, AReviewAnswersAsTheRequestWouldBe) {
  const json review = Make(
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      R"({"spec":{"user":"eve","resourceAttributes":{"verb":"get","resource":"pods","namespace":"default"}}})");
  EXPECT_EQ(review["status"]["allowed"], false);
  const json self = Make("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                         R"({"spec":{"resourceAttributes":{"verb":"get","resource":"pods"}}})");
  EXPECT_EQ(self["status"]["allowed"], true);
}

TEST_F(AuthTest, EverybodyLearnsHisOwnRules) {
  const auto rules = [this] {
    return Make("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                R"({"spec":{"namespace":"default"}})")["status"];
  };
  EXPECT_EQ(rules()["resourceRules"][0]["verbs"], json{"*"});
  Become("bob");
  const json status = rules();
  EXPECT_EQ(status["incomplete"], false);
  ASSERT_EQ(status["resourceRules"].size(), 2u);  // system:basic-user
  EXPECT_EQ(status["resourceRules"][1]["resources"], json{"selfsubjectreviews"});
}

TEST_F(AuthTest, ActingAsSomebodyElseNeedsLeave) {
  const http::Headers as_eve{{"Impersonate-User", "eve"}};
  EXPECT_EQ(Status(Call("GET", kPods, "", "", as_eve)), 403);
  Become("bob");
  const Answer refused = Call("GET", "/version", "", "", {{"Impersonate-User", "admin"}});
  EXPECT_THAT(Message(refused), HasSubstr("cannot impersonate resource \"users\""));
}

TEST_F(AuthTest, ANodeReadsWhatItsPodsNeed) {
  MakeServiceAccount();
  for (const char* name : {"mine", "other"}) {
    Make("/api/v1/namespaces/default/secrets", json{{"metadata", {{"name", name}}}}.dump());
  }
  MakePod("a", "n1", "mine");
  MakePod("b", "n2", "other");
  BecomeNode("n1");
  EXPECT_EQ(Status(Get("/api/v1/namespaces/default/secrets/mine")), 200);
  EXPECT_EQ(Message(Get("/api/v1/namespaces/default/secrets/other")),
            "secrets \"other\" is forbidden: User \"system:node:n1\" cannot get resource "
            "\"secrets\" in API group \"\" in the namespace \"default\": no relationship found "
            "between node 'n1' and this object");
  EXPECT_EQ(Status(Get("/api/v1/secrets")), 403);
  EXPECT_EQ(Status(Get("/api/v1/pods?fieldSelector=spec.nodeName=n1")), 200);
  EXPECT_EQ(Status(Get("/api/v1/pods")), 403);
  EXPECT_EQ(Status(Get(std::string(kPods) + "/a")), 200);
  EXPECT_EQ(Status(Get(std::string(kPods) + "/b")), 403);
  EXPECT_EQ(Status(Get("/api/v1/services")), 200);
}

TEST_F(AuthTest, ANodeIsNotTheOneWhoseNameBeginsAlike) {
  BecomeNode("n1");
  EXPECT_EQ(Status(Get("/api/v1/pods?fieldSelector=spec.nodeName=n10")), 403);
  EXPECT_EQ(Status(Get("/api/v1/pods?fieldSelector=metadata.name=spec.nodeName=n1")), 403);
  EXPECT_EQ(Status(Get("/api/v1/pods?fieldSelector=status.phase=Running,spec.nodeName=n1")), 200);
  EXPECT_EQ(Status(Get("/api/v1/pods?fieldSelector=spec.nodeName!=n1")), 403);
}

TEST_F(AuthTest, ANodeReadsTheVolumesOfItsPodsAndTheirSecrets) {
  MakeServiceAccount();
  const auto volume = [this](const std::string& name) {
    Make("/api/v1/persistentvolumes",
         json{{"metadata", {{"name", name}}},
              {"spec",
               {{"capacity", {{"storage", "1Gi"}}},
                {"accessModes", {"ReadWriteOnce"}},
                {"claimRef", {{"namespace", "default"}, {"name", "claim-" + name}}},
                {"csi",
                 {{"driver", "d"},
                  {"volumeHandle", name},
                  {"nodePublishSecretRef",
                   {{"name", "secret-" + name}, {"namespace", "default"}}}}}}}}
             .dump());
    Make("/api/v1/namespaces/default/secrets",
         json{{"metadata", {{"name", "secret-" + name}}}}.dump());
  };
  volume("mine");
  volume("other");
  Make(kPods,
       json{{"metadata", {{"name", "a"}}},
            {"spec",
             {{"nodeName", "n1"},
              {"containers", {{{"name", "c"}, {"image", "x"}}}},
              {"volumes",
               {{{"name", "v"}, {"persistentVolumeClaim", {{"claimName", "claim-mine"}}}}}}}}}
           .dump());
  BecomeNode("n1");
  EXPECT_EQ(Status(Get("/api/v1/persistentvolumes/mine")), 200);
  EXPECT_EQ(Status(Get("/api/v1/persistentvolumes/other")), 403);
  EXPECT_EQ(Status(Get("/api/v1/persistentvolumes")), 403);
  EXPECT_EQ(Status(Get("/api/v1/namespaces/default/secrets/secret-mine")), 200);
  EXPECT_EQ(Status(Get("/api/v1/namespaces/default/secrets/secret-other")), 403);
  BecomeNode("n2");
  EXPECT_EQ(Status(Get("/api/v1/namespaces/default/secrets/secret-mine")), 403);
}

TEST_F(AuthTest, ANodeMakesNoLeaseOfAnother) {
  BecomeNode("n1");
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  EXPECT_EQ(Status(Post(leases, R"({"metadata":{"name":"n2"}})")), 403);
  EXPECT_EQ(Status(Post("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases",
                        R"({"metadata":{"name":"n1"}})")),
            403);
  const std::string nodes = "/apis/storage.k8s.io/v1/csinodes";
  EXPECT_EQ(Status(Post(nodes, R"({"metadata":{"name":"n2"},"spec":{"drivers":[]}})")), 403);
  Make(nodes, R"({"metadata":{"name":"n1"},"spec":{"drivers":[]}})");
}

TEST_F(AuthTest, ANodeWritesAboutItselfAndItsPods) {
  MakeServiceAccount();
  MakePod("a", "n1", "s");
  MakePod("b", "n2", "s");
  BecomeNode("n1");
  Make("/api/v1/nodes", R"({"metadata":{"name":"n1"}})");
  EXPECT_EQ(Status(Post("/api/v1/nodes", R"({"metadata":{"name":"n2"}})")), 403);
  auto patch = [this](const std::string& target, const char* body) {
    return Status(Call("PATCH", target, body, "application/merge-patch+json"));
  };
  EXPECT_EQ(patch("/api/v1/nodes/n1/status", R"({"status":{"phase":"x"}})"), 200);
  EXPECT_EQ(patch("/api/v1/nodes/n2/status", R"({"status":{"phase":"x"}})"), 403);
  EXPECT_EQ(patch("/api/v1/nodes/n1", R"({"spec":{"taints":[{"key":"a","effect":"NoSchedule"}]}})"),
            403);
  EXPECT_EQ(patch(std::string(kPods) + "/a/status", R"({"status":{"phase":"Running"}})"), 200);
  EXPECT_EQ(patch(std::string(kPods) + "/b/status", R"({"status":{"phase":"Running"}})"), 403);
  EXPECT_EQ(patch(std::string(kPods) + "/a", R"({"metadata":{"labels":{"x":"y"}}})"), 403);
  const std::string leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  Make(leases, R"({"metadata":{"name":"n1"}})");
  EXPECT_EQ(patch(leases + "/n1", R"({"spec":{"leaseDurationSeconds":40}})"), 200);
  EXPECT_EQ(patch(leases + "/n2", R"({"spec":{"leaseDurationSeconds":40}})"), 403);
  EXPECT_EQ(
      Status(Post(
          kPods,
          R"({"metadata":{"name":"c"},"spec":{"nodeName":"n1","containers":[{"name":"c","image":"x"}]}})")),
      403);
}

TEST_F(AuthTest, ANodeSetsNoLabelsThatAdministratorsPlacePodsBy) {
  BecomeNode("n1");
  EXPECT_EQ(
      Status(Post("/api/v1/nodes",
                  R"({"metadata":{"name":"n1","labels":{"node-role.kubernetes.io/master":""}}})")),
      403);
  Make("/api/v1/nodes",
       R"({"metadata":{"name":"n1","labels":{"kubernetes.io/hostname":"n1","mine":"1"}}})");
  auto label = [this](const char* name, json value) {
    const json body{{"metadata", {{"labels", {{name, value}}}}}};
    return Call("PATCH", "/api/v1/nodes/n1", body.dump(), "application/merge-patch+json");
  };
  for (const char* allowed :
       {"mine", "example.com/x", "notkubernetes.io/x", "kubernetes.io/os",
        "topology.kubernetes.io/zone", "node.kubernetes.io/x", "a.kubelet.kubernetes.io/x"}) {
    EXPECT_EQ(Status(label(allowed, "v")), 200) << allowed;
  }
  for (const char* refused :
       {"node-role.kubernetes.io/master", "kubernetes.io/x", "a.k8s.io/x",
        "node-restriction.kubernetes.io/x", "a.node-restriction.kubernetes.io/x"}) {
    EXPECT_EQ(Status(label(refused, "v")), 403) << refused;
  }
  Become("admin", {"system:masters"});
  EXPECT_EQ(Status(label("node-restriction.kubernetes.io/x", "v")), 200);
  BecomeNode("n1");
  EXPECT_THAT(Message(label("node-restriction.kubernetes.io/x", nullptr)),
              HasSubstr("not allowed to modify labels: node-restriction.kubernetes.io/x"));
}

TEST_F(AuthTest, TokensAreBoundToTheirPod) {
  MakeServiceAccount();
  MakePod("a", "n1", "s");
  const std::string token_path = "/api/v1/namespaces/default/serviceaccounts/default/token";
  const std::string body =
      R"({"spec":{"expirationSeconds":3607,"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"a"}}})";
  BecomeNode("n2");
  EXPECT_EQ(Status(Post(token_path, body)), 403);
  BecomeNode("n1");
  EXPECT_EQ(Status(Post(token_path, R"({"spec":{}})")), 403);
  const std::string token = Make(token_path, body)["status"]["token"];
  const http::Headers bearer{{"Authorization", "Bearer " + token}};
  Become("");
  EXPECT_THAT(Message(Call("GET", kPods, "", "", bearer)),
              HasSubstr("User \"system:serviceaccount:default:default\" cannot list"));
  BecomeAdmin();
  const std::string reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
  const std::string review = json{{"spec", {{"token", token}}}}.dump();
  json status = Make(reviews, review)["status"];
  EXPECT_EQ(status["authenticated"], true);
  EXPECT_EQ(status["user"]["username"], "system:serviceaccount:default:default");
  EXPECT_EQ(status["user"]["extra"]["authentication.kubernetes.io/pod-name"], json{"a"});
  // With the pod goes its token.
  Call("DELETE", std::string(kPods) + "/a?gracePeriodSeconds=0");
  status = Make(reviews, review)["status"];
  EXPECT_EQ(status.value("authenticated", false), false);
  Become("");
  EXPECT_EQ(Status(Call("GET", kPods, "", "", bearer)), 401);
}

TEST(Tokens, AreRefusedWhenTheyAreOldForgedOrOfAnotherKey) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  const TokenSigner signer(*PrivateKey::Generate());
  TokenClaims claims;
  claims.namespace_ = "ns";
  claims.account = "sa";
  claims.audiences = {"x"};
  claims.issued = now;
  claims.expires = now + absl::Minutes(10);
  const std::string token = *signer.Sign(claims);
  EXPECT_EQ(signer.Verify(token, now)->Subject(), "system:serviceaccount:ns:sa");
  EXPECT_FALSE(signer.Verify(token, now + absl::Minutes(10)).ok());
  EXPECT_FALSE(signer.Verify(token, now - absl::Minutes(1)).ok());
  EXPECT_FALSE(TokenSigner(*PrivateKey::Generate()).Verify(token, now).ok());
  for (size_t i = 0; i < token.size(); i += 7) {
    std::string forged = token;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(signer.Verify(forged, now).ok()) << i;
  }
  for (const char* junk : {"", ".", "..", "a.b.c", "...."}) {
    EXPECT_FALSE(signer.Verify(junk, now).ok()) << junk;
  }
}

}  // namespace
}  // namespace berth::controlplane
