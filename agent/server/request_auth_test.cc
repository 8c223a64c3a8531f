// SPDX-License-Identifier: Apache-2.0
#include "agent/server/request_auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "base/executor.h"
#include "base/status.h"
#include "client/api_client.h"

namespace berth::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Only what authentication looks at.
class Asked : public http::Exchange {
 public:
  explicit Asked(std::string_view token) {
    if (!token.empty()) request_.headers.Set("Authorization", base::StrCat("Bearer ", token));
  }
  const http::Request& request() const override { return request_; }
  const std::optional<http::PeerCertificate>& peer() const override { return peer_; }
  std::string_view remote_address() const override { return ""; }
  void Respond(http::Response) override {}
  void Start(int, http::Headers) override {}
  bool Write(std::string_view) override { return true; }
  size_t queued_bytes() const override { return 0; }
  void Finish() override {}
  absl::StatusOr<std::unique_ptr<http::Tunnel>> Upgrade(http::Headers) override {
    return absl::UnimplementedError("");
  }
  void OnDisconnect(absl::AnyInvocable<void()>) override {}

 private:
  http::Request request_;
  std::optional<http::PeerCertificate> peer_;
};

class RequestAuthTest : public ::testing::Test {
 protected:
  // An API server that knows one token and lets "alice" get nodes/metrics and nodes/proxy.
  void Serve(std::shared_ptr<http::Exchange> exchange) {
    const http::Request& request = exchange->request();
    const bool token = request.target.find("tokenreviews") != std::string::npos;
    ++(token ? token_reviews_ : access_reviews_);
    const bool good_token = request.body.find("good-token") != std::string::npos;
    const bool allowed = request.body.find("alice") != std::string::npos &&
                         (request.body.find("metrics") != std::string::npos ||
                          request.body.find("proxy") != std::string::npos);
    std::string body;
    if (token) {
      body = base::StrCat(R"({"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1",)",
                          R"("metadata":{},"spec":{},"status":{"authenticated":)", good_token,
                          R"(,"user":{"username":"alice","groups":["dev"],"extra":{"k":["v"]}}}})");
    } else {
      body = base::StrCat(R"({"kind":"SubjectAccessReview","apiVersion":)",
                          R"("authorization.k8s.io/v1","metadata":{},"spec":{},)",
                          R"("status":{"allowed":)", allowed, "}}");
    }
    exchange->Respond({201, {{"Content-Type", "application/json"}}, body});
  }
  RequestAuth Make() { return RequestAuth(config_, "n1", &api_, clock_); }

  base::FakeClock clock_;
  base::ThreadPool pool_{"api", 2};
  std::atomic<int> token_reviews_ = 0, access_reviews_ = 0;
  client::ApiClient api_{client::MakeInProcessTransport(
      [this](std::shared_ptr<http::Exchange> exchange) { Serve(std::move(exchange)); }, pool_, {})};
  KubeletConfig config_;
};

TEST_F(RequestAuthTest, TokensAreReviewedOncePerTwoMinutes) {
  RequestAuth auth = Make();
  for (int i = 0; i < 3; ++i) {
    const auto caller = auth.Authenticate(Asked("good-token"));
    ASSERT_TRUE(caller.ok()) << caller.status();
    EXPECT_EQ(caller->user, "alice");
    EXPECT_THAT(caller->groups, ElementsAre("dev"));
    EXPECT_THAT(caller->extra.at("k"), ElementsAre("v"));
  }
  EXPECT_EQ(token_reviews_, 1);
  clock_.Advance(absl::Minutes(2));
  EXPECT_TRUE(auth.Authenticate(Asked("good-token")).ok());
  EXPECT_EQ(token_reviews_, 2);
}

TEST_F(RequestAuthTest, BadTokensAndStrangersAreRefused) {
  RequestAuth auth = Make();
  EXPECT_TRUE(absl::IsUnauthenticated(auth.Authenticate(Asked("bad")).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(auth.Authenticate(Asked("")).status()));
  config_.anonymous_enabled = true;
  EXPECT_EQ(Make().Authenticate(Asked(""))->user, "system:anonymous");
  EXPECT_FALSE(Make().Authenticate(Asked("bad")).ok()) << "a bad token is not anonymous";
  config_.webhook_authn_enabled = false;
  EXPECT_FALSE(Make().Authenticate(Asked("good-token")).ok());
}

TEST_F(RequestAuthTest, TheParticularSubresourceOrProxyAllows) {
  RequestAuth auth = Make();
  const Caller alice{"alice", "", {"dev"}, {}};
  EXPECT_TRUE(auth.Authorize(alice, "GET", "/metrics").ok());
  EXPECT_TRUE(auth.Authorize(alice, "GET", "/pods").ok()) << "through nodes/proxy";
  EXPECT_EQ(access_reviews_, 3);
  const absl::Status denied = auth.Authorize(alice, "GET", "/stats/summary");
  EXPECT_TRUE(absl::IsPermissionDenied(denied));
  EXPECT_EQ(base::Message(denied),
            "Forbidden (user=alice, verb=get, resource=nodes, subresource(s)=[stats])");
  EXPECT_FALSE(auth.Authorize({"eve", "", {}, {}}, "POST", "/exec/a/b/c").ok());
}

TEST_F(RequestAuthTest, AnswersAreKeptLongerWhenTheyAllow) {
  RequestAuth auth = Make();
  const Caller alice{"alice", "", {}, {}};
  EXPECT_TRUE(auth.Authorize(alice, "GET", "/metrics").ok());
  EXPECT_FALSE(auth.Authorize(alice, "GET", "/stats").ok());
  EXPECT_EQ(access_reviews_, 2);
  clock_.Advance(absl::Seconds(31));
  EXPECT_TRUE(auth.Authorize(alice, "GET", "/metrics").ok());
  EXPECT_EQ(access_reviews_, 2);
  EXPECT_FALSE(auth.Authorize(alice, "GET", "/stats").ok());
  EXPECT_EQ(access_reviews_, 3);
  clock_.Advance(absl::Minutes(5));
  EXPECT_TRUE(auth.Authorize(alice, "GET", "/metrics").ok());
  EXPECT_EQ(access_reviews_, 4);
}

}  // namespace
}  // namespace berth::agent
