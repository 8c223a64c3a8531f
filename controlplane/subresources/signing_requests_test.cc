// SPDX-License-Identifier: Apache-2.0
// CertificateSigningRequests through the whole API server, and its controllers beside it.
#include <gmock/gmock.h>

#include "absl/strings/escaping.h"
#include "client/api_client.h"
#include "client/transport.h"
#include "controlplane/apiserver/api_fixture.h"
#include "controlplane/controllers/controllers.h"
#include "controlplane/pki/test_request.h"

namespace berth::controlplane {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kRequests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
constexpr const char* kNodeSigner = "kubernetes.io/kube-apiserver-client-kubelet";

class SigningRequestsTest : public ApiFixture {
 protected:
  void Become(std::string name, std::vector<std::string> groups) {
    peer_ = {.common_name = std::move(name), .organizations = std::move(groups)};
  }
  void BecomeAdmin() { Become("admin", {"system:masters"}); }
  json Asking(const std::string& name, const std::string& pem,
              const std::string& signer = kNodeSigner) {
    return {{"metadata", {{"name", name}}},
            {"spec",
             {{"request", absl::Base64Escape(pem)},
              {"signerName", signer},
              {"usages", {"digital signature", "client auth"}}}}};
  }
  json OfNode(const std::string& name) {
    return Asking(name, TestRequest("system:node:n1", {"system:nodes"}));
  }
  json Read(const std::string& name) { return Get(kRequests + ("/" + name))->Json(); }
  Answer Put(const std::string& name, const std::string& subresource, const json& object) {
    return Call("PUT", kRequests + ("/" + name) + "/" + subresource, object.dump());
  }
  static json Condition(const char* type) {
    return {{"type", type}, {"status", "True"}, {"reason", "Test"}};
  }
  static std::string Message(const Answer& answer) { return answer->Json().value("message", ""); }
};

TEST_F(SigningRequestsTest, TheServerSaysWhoAsks) {
  json body = OfNode("a");
  body["spec"]["username"] = "somebody-else";
  body["spec"]["groups"] = {"system:masters"};
  body["status"]["certificate"] = "eA==";
  Become("system:node:n1", {"system:nodes"});
  const json made = Make(kRequests, body.dump());
  EXPECT_EQ(made["spec"]["username"], "system:node:n1");
  EXPECT_EQ(made["spec"]["groups"], (json{"system:nodes", "system:authenticated"}));
  EXPECT_FALSE(made.value("status", json::object()).contains("certificate"));
}

TEST_F(SigningRequestsTest, WhatIsAskedForDoesNotChange) {
  json made = Make(kRequests, OfNode("a").dump());
  const json spec = made["spec"];
  made["spec"]["signerName"] = "example.com/other";
  made["metadata"]["labels"] = {{"x", "y"}};
  EXPECT_EQ(Call("PUT", std::string(kRequests) + "/a", made.dump())->response().status, 200);
  EXPECT_EQ(Read("a")["spec"], spec);
  EXPECT_EQ(Read("a")["metadata"]["labels"]["x"], "y");
}

TEST_F(SigningRequestsTest, NonsenseIsRefused) {
  const auto refused = [this](const json& body, const char* why) {
    const Answer answer = Post(kRequests, body.dump());
    EXPECT_EQ(answer->response().status, 422) << why;
    EXPECT_THAT(Message(answer), HasSubstr(why));
  };
  refused(Asking("a", "nonsense"), "spec.request: Invalid value: unable to parse csr");
  json body = OfNode("a");
  body["spec"]["usages"] = {"flying"};
  refused(body, "spec.usages[0]: Unsupported value: \"flying\"");
  body["spec"]["usages"] = json::array();
  refused(body, "spec.usages: Required value");
  body = OfNode("a");
  body["spec"]["expirationSeconds"] = 599;
  refused(body, "may not specify a duration less than 600 seconds");
  body["spec"]["signerName"] = "nobody";
  refused(body, "must be a fully qualified domain and path");
  body["spec"]["signerName"] = "kubernetes.io/legacy-unknown";
  refused(body, "the legacy signerName is not allowed");
  const Answer masters = Post(kRequests, Asking("a", TestRequest("x", {"system:masters"}),
                                                "kubernetes.io/kube-apiserver-client")
                                             .dump());
  EXPECT_EQ(masters->response().status, 403);
}

TEST_F(SigningRequestsTest, ApprovingNeedsLeaveForTheSigner) {
  const json role = {{"metadata", {{"name", "approver"}}},
                     {"rules",
                      {{{"apiGroups", {"certificates.k8s.io"}},
                        {"resources",
                         {"certificatesigningrequests", "certificatesigningrequests/approval",
                          "certificatesigningrequests/status"}},
                        {"verbs", {"get", "update"}}}}}};
  const std::string rbac = "/apis/rbac.authorization.k8s.io/v1/";
  Make(rbac + "clusterroles", role.dump());
  const auto bind = [&](const char* name, const char* to) {
    Make(rbac + "clusterrolebindings",
         json{{"metadata", {{"name", name}}},
              {"roleRef",
               {{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "ClusterRole"}, {"name", to}}},
              {"subjects",
               {{{"apiGroup", "rbac.authorization.k8s.io"}, {"kind", "User"}, {"name", "bob"}}}}}
             .dump());
  };
  bind("one", "approver");
  json object = Make(kRequests, OfNode("a").dump());
  object["status"]["conditions"] = {Condition("Approved")};
  Become("bob", {});
  EXPECT_THAT(Message(Put("a", "approval", object)),
              HasSubstr("user not permitted to approve requests with signerName \"" +
                        std::string(kNodeSigner)));
  BecomeAdmin();
  bind("two", "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver");
  Become("bob", {});
  const Answer approved = Put("a", "approval", object);
  EXPECT_EQ(approved->response().status, 200) << Message(approved);
  EXPECT_TRUE(approved->Json()["status"]["conditions"][0].contains("lastUpdateTime"));
  object = Read("a");
  object["status"]["certificate"] = "eA==";
  EXPECT_THAT(Message(Put("a", "status", object)), HasSubstr("not permitted to sign"));
}

TEST_F(SigningRequestsTest, ApproversAndSignersKeepToTheirOwn) {
  json object = Make(kRequests, OfNode("a").dump());
  object["status"]["certificate"] = "eA==";
  EXPECT_THAT(Message(Put("a", "approval", object)),
              HasSubstr("updates may not set certificate content"));
  object = Read("a");
  object["status"]["conditions"] = {Condition("Approved")};
  EXPECT_THAT(Message(Put("a", "status", object)),
              HasSubstr("updates may not add a condition of type \"Approved\""));
  object["status"]["conditions"] = {Condition("Approved"), Condition("Denied")};
  EXPECT_THAT(Message(Put("a", "approval", object)), HasSubstr("mutually exclusive"));
  object["status"]["conditions"] = {Condition("Approved")};
  EXPECT_EQ(Put("a", "approval", object)->response().status, 200);
  object = Read("a");
  object["status"]["conditions"] = json::array();
  EXPECT_THAT(Message(Put("a", "approval", object)),
              HasSubstr("may not remove a condition of type \"Approved\""));
  object = Read("a");
  object["status"]["certificate"] = "eA==";
  EXPECT_EQ(Put("a", "status", object)->response().status, 200);
  object = Read("a");
  object["status"]["certificate"] = "eQ==";
  EXPECT_THAT(Message(Put("a", "status", object)),
              HasSubstr("updates may not modify existing certificate content"));
}

// The controllers run on threads of their own; each condition is waited for.
class SigningTest : public SigningRequestsTest {
 protected:
  SigningTest()
      : pool_("api", 8),
        api_(client::MakeInProcessTransport(
            server_->handler(), pool_,
            {.common_name = "admin", .organizations = {"system:masters"}})) {
    clock_.Advance(now_.Now() - clock_.Now());
    ControllerOptions options;
    options.authority = *MakeAuthority("test-ca", now_.Now());
    controllers_ = std::make_unique<Controllers>(api_, now_, options);
    controllers_->Start();
  }
  bool Until(const std::function<bool()>& done) {
    base::Mutex mu;
    base::CondVar never;
    for (const absl::Time end = now_.Now() + absl::Seconds(60); now_.Now() < end;) {
      if (done()) return true;
      base::MutexLock l(mu);
      never.WaitFor(mu, absl::Milliseconds(10));
    }
    return false;
  }
  json Status(const std::string& name) { return Read(name).value("status", json::object()); }
  bool Has(const std::string& name, const char* condition) {
    for (const json& found : Status(name).value("conditions", json::array())) {
      if (found["type"] == condition) return true;
    }
    return false;
  }

  base::RealClock now_;
  base::ThreadPool pool_;
  client::ApiClient api_;
  std::unique_ptr<Controllers> controllers_;
};

TEST_F(SigningTest, ANodesRequestIsSignedUnseenWhenItsSenderMay) {
  Become("system:node:n1", {"system:nodes"});
  Make(kRequests, OfNode("mine").dump());
  Make(kRequests, Asking("others", TestRequest("system:node:n2", {"system:nodes"})).dump());
  BecomeAdmin();
  EXPECT_TRUE(Until([this] { return Status("mine").contains("certificate"); }));
  EXPECT_TRUE(Has("mine", "Approved"));
  EXPECT_FALSE(Status("others").contains("conditions"));
}

TEST_F(SigningTest, WhatBreaksTheSignersRulesFails) {
  json object = Make(kRequests, Asking("bad", TestRequest("bob", {"system:nodes"})).dump());
  object["status"]["conditions"] = {Condition("Approved")};
  EXPECT_EQ(Put("bad", "approval", object)->response().status, 200);
  EXPECT_TRUE(Until([this] { return Has("bad", "Failed"); }));
  EXPECT_FALSE(Status("bad").contains("certificate"));
}

TEST_F(SigningTest, TokensThatHaveExpiredGo) {
  const std::string secrets = "/api/v1/namespaces/kube-system/secrets";
  const auto make = [&](const std::string& id, const char* expiration) {
    Make(secrets, json{{"metadata", {{"name", "bootstrap-token-" + id}}},
                       {"type", "bootstrap.kubernetes.io/token"},
                       {"stringData", {{"token-id", id}, {"expiration", expiration}}}}
                      .dump());
  };
  make("aaaaaa", "2999-01-01T00:00:00Z");
  make("bbbbbb", "2001-01-01T00:00:00Z");
  EXPECT_TRUE(
      Until([&] { return Get(secrets + "/bootstrap-token-bbbbbb")->response().status == 404; }));
  EXPECT_EQ(Get(secrets + "/bootstrap-token-aaaaaa")->response().status, 200);
}

}  // namespace
}  // namespace berth::controlplane
