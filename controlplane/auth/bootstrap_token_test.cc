// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/bootstrap_token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/core/v1/config.pb.h"
#include "base/status.h"
#include "controlplane/apiserver/api_fixture.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Secret;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(BootstrapToken, HasAFormOfItsOwn) {
  EXPECT_TRUE(ParseBootstrapToken("abcdef.0123456789abcdef").has_value());
  for (const char* other : {"", "abcdef", "abcdef.", "abcde.0123456789abcdef",
                            "abcdef.0123456789abcde", "abcdef.0123456789abcdefg",
                            "ABCDEF.0123456789abcdef", "abcdef.0123456789abcde.", "a.b.c"}) {
    EXPECT_FALSE(ParseBootstrapToken(other).has_value()) << other;
  }
  const BootstrapToken made = NewBootstrapToken();
  EXPECT_TRUE(ParseBootstrapToken(made.Text()).has_value());
  EXPECT_NE(made.Text(), NewBootstrapToken().Text());
}

TEST(BootstrapToken, StandsForAUserInTheGroupsThatItsSecretNames) {
  const BootstrapToken token{"abcdef", "0123456789abcdef"};
  const Secret secret = MakeBootstrapSecret(token, {absl::Hours(1), "for web1"}, kNow);
  EXPECT_EQ(secret.metadata().name(), "bootstrap-token-abcdef");
  EXPECT_EQ(secret.data().at("expiration"), "2023-11-14T23:13:20Z");
  const auto user = CheckBootstrapToken(token, secret, kNow);
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->name, "system:bootstrap:abcdef");
  EXPECT_THAT(user->groups,
              ElementsAre("system:bootstrappers", "system:bootstrappers:berth:default-node-token",
                          "system:authenticated"));
}

TEST(BootstrapToken, IsRefusedWhenAnythingOfItsSecretSaysSo) {
  const BootstrapToken token{"abcdef", "0123456789abcdef"};
  const Secret good = MakeBootstrapSecret(token, {absl::Hours(1), ""}, kNow);
  const auto refused = [&](Secret secret, absl::Time now, const char* why) {
    const auto user = CheckBootstrapToken(token, secret, now);
    EXPECT_EQ(user.status().code(), absl::StatusCode::kUnauthenticated) << why;
    EXPECT_THAT(std::string(base::Message(user.status())), HasSubstr(why));
  };
  const auto with = [&](const char* key, const char* value) {
    Secret changed = good;
    (*changed.mutable_data())[key] = value;
    return changed;
  };
  refused(good, kNow + absl::Hours(1), "expired");
  refused(with("expiration", "tomorrow"), kNow, "expired");
  refused(with("token-secret", "0123456789abcdee"), kNow, "wrong secret");
  refused(with("token-secret", ""), kNow, "wrong secret");
  refused(with("token-id", "abcdeg"), kNow, "another token-id");
  refused(with("usage-bootstrap-authentication", "yes"), kNow, "not marked");
  refused(with("auth-extra-groups", "system:masters"), kNow, "may not have");
  refused(with("auth-extra-groups", "system:bootstrappers:a:"), kNow, "may not have");
  Secret other = good;
  other.set_type("Opaque");
  refused(other, kNow, "another type");
  other = good;
  other.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  refused(other, kNow, "awaiting removal");
}

class BootstrapTokenTest : public ApiFixture {
 protected:
  void Store(const BootstrapToken& token, absl::Duration lifetime) {
    const Secret secret = MakeBootstrapSecret(token, {lifetime, ""}, clock_.Now());
    json data;
    for (const auto& [key, value] : secret.data()) data[key] = value;
    Make("/api/v1/namespaces/kube-system/secrets",
         json{{"metadata", {{"name", token.SecretName()}}},
              {"type", secret.type()},
              {"stringData", data}}
             .dump());
  }
  Answer As(const BootstrapToken& token, std::string method, std::string target,
            std::string body = "") {
    peer_ = {};
    const Answer answer = Call(std::move(method), std::move(target), std::move(body),
                               "application/json", {{"Authorization", "Bearer " + token.Text()}});
    peer_ = {.common_name = "admin", .organizations = {"system:masters"}};
    return answer;
  }
};

TEST_F(BootstrapTokenTest, MayAskForACertificateAndReadNothingElse) {
  const BootstrapToken token = NewBootstrapToken();
  const std::string requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
  EXPECT_EQ(As(token, "GET", requests)->response().status, 401);
  Store(token, absl::Hours(1));
  EXPECT_EQ(As(token, "GET", requests)->response().status, 200);
  EXPECT_EQ(As(token, "GET", "/api/v1/nodes")->response().status, 403);
  EXPECT_EQ(As(token, "GET", "/api/v1/namespaces/kube-system/secrets")->response().status, 403);
  EXPECT_EQ(As({token.id, std::string(16, 'x')}, "GET", requests)->response().status, 401);
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(As(token, "GET", requests)->response().status, 401);
}

TEST_F(BootstrapTokenTest, GoesWithItsSecretAndIsReviewedLikeAnyToken) {
  const BootstrapToken token = NewBootstrapToken();
  Store(token, absl::InfiniteDuration());
  const std::string reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
  const std::string review = json{{"spec", {{"token", token.Text()}}}}.dump();
  EXPECT_EQ(Make(reviews, review)["status"]["user"]["username"], "system:bootstrap:" + token.id);
  Call("DELETE", "/api/v1/namespaces/kube-system/secrets/" + token.SecretName());
  EXPECT_EQ(Make(reviews, review)["status"].value("authenticated", false), false);
}

}  // namespace
}  // namespace berth::controlplane
