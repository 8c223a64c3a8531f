// SPDX-License-Identifier: Apache-2.0
#include "agent/volumes/api_objects.h"

#include <gtest/gtest.h>

#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "base/executor.h"
#include "base/status.h"
#include "client/api_client.h"
#include "client/fake_api_server.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;

class ApiObjectsTest : public ::testing::Test {
 protected:
  void Put(std::string_view value) {
    core::ConfigMap map;
    map.mutable_metadata()->set_namespace_("ns");
    map.mutable_metadata()->set_name("cm");
    (*map.mutable_data())["k"] = value;
    server_.Put(client::kConfigMaps, map);
  }
  void AddService(std::string_view ns, std::string_view name, std::string_view ip) {
    auto service = std::make_shared<core::Service>();
    service->mutable_metadata()->set_namespace_(std::string(ns));
    service->mutable_metadata()->set_name(std::string(name));
    service->mutable_spec()->set_cluster_ip(std::string(ip));
    services_.push_back(service);
  }

  base::FakeClock clock_;
  base::ThreadPool pool_{"api", 2};
  client::FakeApiServer server_;
  client::ApiClient api_{client::MakeInProcessTransport(server_.handler(), pool_, {})};
  ApiObjects::Services services_;
  ApiObjects objects_{api_, clock_, [this] { return services_; },
                      [] {
                        return base::StringMap<std::string>{{"cpu", "2"}};
                      }};
};

TEST_F(ApiObjectsTest, MissingObjectsAreNamedAsTheKubeletNamesThem) {
  const auto map = objects_.GetConfigMap("ns", "gone");
  EXPECT_TRUE(absl::IsNotFound(map.status()));
  EXPECT_EQ(base::Message(map.status()), "configmap \"gone\" not found");
  EXPECT_EQ(base::Message(objects_.GetSecret("ns", "gone").status()), "secret \"gone\" not found");
}

TEST_F(ApiObjectsTest, OneReadServesASecond) {
  Put("1");
  EXPECT_EQ((*objects_.GetConfigMap("ns", "cm"))->data().at("k"), "1");
  Put("2");
  EXPECT_EQ((*objects_.GetConfigMap("ns", "cm"))->data().at("k"), "1");
  clock_.Advance(absl::Seconds(1));
  EXPECT_EQ((*objects_.GetConfigMap("ns", "cm"))->data().at("k"), "2");
}

TEST_F(ApiObjectsTest, ServicesOfTheNamespaceAndTheMaster) {
  AddService("default", "kubernetes", "10.96.0.1");
  AddService("default", "other", "10.96.0.2");
  AddService("ns", "web", "10.96.0.3");
  AddService("ns", "headless", "None");
  const auto listed = objects_.ListServices("ns");
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(listed[0]->metadata().name(), "kubernetes");
  EXPECT_EQ(listed[1]->metadata().name(), "web");
  EXPECT_EQ(objects_.NodeAllocatable().at("cpu"), "2");
}

}  // namespace
}  // namespace berth::agent
