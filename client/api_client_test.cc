// SPDX-License-Identifier: Apache-2.0
#include "client/api_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/status.h"
#include "client/fake_api_server.h"

namespace berth::client {
namespace {

using api::core::v1::ConfigMap;
using api::core::v1::ConfigMapList;
using testing::ElementsAre;

ConfigMap Make(const std::string& name) {
  ConfigMap out;
  out.mutable_metadata()->set_namespace_("ns");
  out.mutable_metadata()->set_name(name);
  (*out.mutable_data())["k"] = "v";
  return out;
}

class ApiClientTest : public testing::TestWithParam<bool> {
 protected:
  ApiClientTest() {
    if (GetParam()) server_.SpeakJsonOnly();
  }
  base::ThreadPool pool_{"api", 4};
  FakeApiServer server_;
  ApiClient api_{MakeInProcessTransport(server_.handler(), pool_, {"me", {}})};
};

INSTANTIATE_TEST_SUITE_P(Formats, ApiClientTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "JsonOnly" : "Protobuf"; });

TEST_P(ApiClientTest, CreatesReadsUpdatesPatchesAndDeletes) {
  ConfigMap made;
  ASSERT_TRUE(api_.Create(kConfigMaps, Make("a"), &made).ok());
  EXPECT_NE(made.metadata().uid(), "");
  ConfigMap read;
  ASSERT_TRUE(api_.Get(kConfigMaps, "ns", "a", read).ok());
  EXPECT_EQ(read.data().at("k"), "v");
  (*read.mutable_data())["k"] = "w";
  ASSERT_TRUE(api_.Update(kConfigMaps, read, &made).ok());
  EXPECT_EQ(made.data().at("k"), "w");
  ASSERT_TRUE(
      api_.Patch(kConfigMaps, "ns", "a", "", PatchType::kMerge, R"({"data":{"x":"y"}})", &made)
          .ok());
  EXPECT_EQ(made.data().at("x"), "y");
  EXPECT_EQ(made.data().at("k"), "w");
  ConfigMapList list;
  ASSERT_TRUE(api_.List(kConfigMaps, "", {}, list).ok());
  ASSERT_EQ(list.items_size(), 1);
  EXPECT_EQ(list.items(0).data().at("x"), "y");
  EXPECT_TRUE(api_.Delete(kConfigMaps, "ns", "a", {.grace_period_seconds = 0}).ok());
  EXPECT_EQ(server_.Count(kConfigMaps), 0u);
}

TEST_P(ApiClientTest, RefusalsBecomeStatusCodesWithTheServersWords) {
  ConfigMap out;
  const absl::Status missing = api_.Get(kConfigMaps, "ns", "a", out);
  EXPECT_TRUE(absl::IsNotFound(missing));
  EXPECT_EQ(base::Message(missing), "\"a\" not found");
  ASSERT_TRUE(api_.Create(kConfigMaps, Make("a"), &out).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(api_.Create(kConfigMaps, Make("a"), nullptr)));
  const ConfigMap old = out;
  ASSERT_TRUE(api_.Update(kConfigMaps, out, nullptr).ok());
  EXPECT_TRUE(absl::IsAborted(api_.Update(kConfigMaps, old, nullptr)));
}

TEST_P(ApiClientTest, CodesAreAsDocumented) {
  const std::pair<int, absl::StatusCode> kCodes[] = {
      {400, absl::StatusCode::kInvalidArgument},   {401, absl::StatusCode::kUnauthenticated},
      {403, absl::StatusCode::kPermissionDenied},  {405, absl::StatusCode::kUnimplemented},
      {410, absl::StatusCode::kOutOfRange},        {422, absl::StatusCode::kInvalidArgument},
      {429, absl::StatusCode::kResourceExhausted}, {500, absl::StatusCode::kUnavailable},
      {503, absl::StatusCode::kUnavailable}};
  for (const auto& [code, want] : kCodes) {
    server_.FailNext(1, code);
    ConfigMap out;
    EXPECT_EQ(api_.Get(kConfigMaps, "ns", "a", out).code(), want) << code;
  }
}

TEST(ApiClient, AsksForProtobufOnceOnlyWhenItIsRefused) {
  base::ThreadPool pool("api", 2);
  FakeApiServer server;
  server.SpeakJsonOnly();
  ApiClient api(MakeInProcessTransport(server.handler(), pool, {}));
  ASSERT_TRUE(api.Create(kConfigMaps, Make("a"), nullptr).ok());
  ASSERT_TRUE(api.Create(kConfigMaps, Make("b"), nullptr).ok());
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST(ApiClient, AServerThatDoesNotAnswerIsUnavailable) {
  base::ThreadPool pool("api", 2);
  std::shared_ptr<http::Exchange> kept;
  base::Mutex mu;
  ApiClient api(MakeInProcessTransport(
                    [&](auto exchange) {
                      base::MutexLock lock(mu);
                      kept = exchange;
                    },
                    pool, {}),
                absl::Milliseconds(20));
  ConfigMap out;
  EXPECT_TRUE(absl::IsUnavailable(api.Get(kConfigMaps, "ns", "a", out)));
}

TEST(Resource, PathsAreTheApis) {
  EXPECT_EQ(kPods.Path("ns", "p", "status"), "/api/v1/namespaces/ns/pods/p/status");
  EXPECT_EQ(kPods.Path(), "/api/v1/pods");
  EXPECT_EQ(kNodes.Path("", "n"), "/api/v1/nodes/n");
  EXPECT_EQ(kDeployments.Path("ns"), "/apis/apps/v1/namespaces/ns/deployments");
}

}  // namespace
}  // namespace berth::client
