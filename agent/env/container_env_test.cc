// SPDX-License-Identifier: Apache-2.0
#include "agent/env/container_env.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "agent/env/amount.h"
#include "agent/env/downward.h"
#include "agent/env/expansion.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/containers.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "base/status.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class FakeObjects : public ObjectReader {
 public:
  absl::StatusOr<std::shared_ptr<const core::ConfigMap>> GetConfigMap(
      std::string_view, std::string_view name) override {
    if (name != "cm") return base::NotFound("configmap \"", name, "\" not found");
    auto map = std::make_shared<core::ConfigMap>();
    (*map->mutable_data())["a"] = "1";
    (*map->mutable_data())["b"] = "2";
    return map;
  }
  absl::StatusOr<std::shared_ptr<const core::Secret>> GetSecret(std::string_view,
                                                                std::string_view name) override {
    if (name != "s") return base::NotFound("secret \"", name, "\" not found");
    auto secret = std::make_shared<core::Secret>();
    (*secret->mutable_data())["p"] = "hidden";
    return secret;
  }
  std::vector<std::shared_ptr<const core::Service>> ListServices(std::string_view) override {
    return services;
  }
  base::StringMap<std::string> NodeAllocatable() override { return {{"memory", "1Gi"}}; }

  void AddService(std::string_view ns, std::string_view name, std::string_view ip, int port,
                  std::string_view port_name = "") {
    auto service = std::make_shared<core::Service>();
    service->mutable_metadata()->set_namespace_(std::string(ns));
    service->mutable_metadata()->set_name(std::string(name));
    service->mutable_spec()->set_cluster_ip(std::string(ip));
    auto* p = service->mutable_spec()->add_ports();
    p->set_port(port);
    p->set_name(std::string(port_name));
    services.push_back(service);
  }
  std::vector<std::shared_ptr<const core::Service>> services;
};

class MakeContainerProcessTest : public ::testing::Test {
 protected:
  MakeContainerProcessTest() {
    pod_.mutable_metadata()->set_name("web-1");
    pod_.mutable_metadata()->set_namespace_("ns");
    pod_.mutable_metadata()->set_uid("u1");
    (*pod_.mutable_metadata()->mutable_labels())["app"] = "web";
    pod_.mutable_spec()->set_service_account_name("sa");
    addresses_ = {{"10.244.0.5", "fd00::5"}, {"192.168.1.1"}};
  }
  core::EnvVar& Var(std::string_view name, std::string_view value = "") {
    auto* var = container_.add_env();
    var->set_name(std::string(name));
    if (!value.empty()) var->set_value(std::string(value));
    return *var;
  }
  absl::StatusOr<ContainerProcess> Make() {
    return MakeContainerProcess(pod_, container_, addresses_, "node-1", objects_);
  }
  core::Pod pod_;
  core::Container container_;
  PodAddresses addresses_;
  FakeObjects objects_;
};

TEST_F(MakeContainerProcessTest, ExpandsEarlierVariablesOnly) {
  Var("A", "x");
  Var("B", "$(A)/$(C)/$$(A)");
  Var("C", "y");
  container_.add_command("sh");
  container_.add_args("$(B) $(C) $(NONE)");
  const auto process = Make();
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_THAT(process->env, ElementsAre(Pair("A", "x"), Pair("B", "x/$(C)/$(A)"), Pair("C", "y")));
  EXPECT_THAT(process->args, ElementsAre("x/$(C)/$(A) y $(NONE)"));
}

TEST_F(MakeContainerProcessTest, EnvOverridesEnvFromInItsPlace) {
  auto* from = container_.add_env_from();
  from->set_prefix("P_");
  from->mutable_config_map_ref()->mutable_local_object_reference()->set_name("cm");
  container_.add_env_from()->mutable_secret_ref()->mutable_local_object_reference()->set_name("s");
  Var("P_a", "mine");
  EXPECT_THAT(Make()->env, ElementsAre(Pair("P_a", "mine"), Pair("P_b", "2"), Pair("p", "hidden")));
}

TEST_F(MakeContainerProcessTest, DownwardFields) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"metadata.name", "web-1"},
      {"metadata.namespace", "ns"},
      {"metadata.uid", "u1"},
      {"metadata.labels['app']", "web"},
      {"metadata.labels['none']", ""},
      {"spec.nodeName", "node-1"},
      {"spec.serviceAccountName", "sa"},
      {"status.podIP", "10.244.0.5"},
      {"status.podIPs", "10.244.0.5,fd00::5"},
      {"status.hostIP", "192.168.1.1"}};
  for (const auto& [path, want] : cases) {
    container_.clear_env();
    Var("X").mutable_value_from()->mutable_field_ref()->set_field_path(std::string(path));
    const auto process = Make();
    ASSERT_TRUE(process.ok()) << path;
    EXPECT_EQ(process->env[0].second, want) << path;
  }
  container_.clear_env();
  Var("X").mutable_value_from()->mutable_field_ref()->set_field_path("metadata.labels");
  EXPECT_EQ(base::Message(Make().status()), "unsupported fieldPath: metadata.labels");
}

TEST_F(MakeContainerProcessTest, ResourcesAreDividedAndRoundedUp) {
  auto& limits = *container_.mutable_resources()->mutable_limits();
  limits["cpu"].set_string("1500m");
  limits["memory"].set_string("65Mi");
  struct Case {
    std::string_view resource, divisor, want;
  } cases[] = {{"limits.cpu", "", "2"},
               {"limits.cpu", "1m", "1500"},
               {"limits.memory", "1Mi", "65"},
               {"limits.memory", "1Gi", "1"},
               {"limits.memory", "0", "68157440"},
               {"requests.cpu", "", "0"}};
  for (const auto& c : cases) {
    container_.clear_env();
    auto* ref = Var("X").mutable_value_from()->mutable_resource_field_ref();
    ref->set_resource(std::string(c.resource));
    if (!c.divisor.empty()) ref->mutable_divisor()->set_string(std::string(c.divisor));
    const auto process = Make();
    ASSERT_TRUE(process.ok()) << process.status();
    EXPECT_EQ(process->env[0].second, c.want) << c.resource << " " << c.divisor;
  }
  limits.erase("memory");
  container_.clear_env();
  Var("X").mutable_value_from()->mutable_resource_field_ref()->set_resource("limits.memory");
  EXPECT_EQ(Make()->env[0].second, "1073741824") << "an unset limit is the node's allocatable";
}

TEST_F(MakeContainerProcessTest, MissingReferencesAreErrorsUnlessOptional) {
  auto* key = Var("X").mutable_value_from()->mutable_config_map_key_ref();
  key->mutable_local_object_reference()->set_name("gone");
  key->set_key("k");
  EXPECT_EQ(base::Message(Make().status()), "configmap \"gone\" not found");
  key->mutable_local_object_reference()->set_name("cm");
  EXPECT_EQ(base::Message(Make().status()), "couldn't find key k in ConfigMap ns/cm");
  key->set_optional(true);
  EXPECT_THAT(Make()->env, IsEmpty());

  container_.clear_env();
  auto* secret = Var("X").mutable_value_from()->mutable_secret_key_ref();
  secret->mutable_local_object_reference()->set_name("s");
  secret->set_key("k");
  EXPECT_EQ(base::Message(Make().status()), "couldn't find key k in Secret ns/s");
  secret->set_key("p");
  EXPECT_EQ(Make()->env[0].second, "hidden");

  container_.add_env_from()->mutable_secret_ref()->mutable_local_object_reference()->set_name("no");
  EXPECT_EQ(base::Message(Make().status()), "secret \"no\" not found");
  container_.mutable_env_from(0)->mutable_secret_ref()->set_optional(true);
  EXPECT_TRUE(Make().ok());
}

TEST_F(MakeContainerProcessTest, ServicesComeLastAndNeverOverride) {
  objects_.AddService("default", "kubernetes", "10.96.0.1", 443, "https");
  objects_.AddService("ns", "my-web", "10.96.0.9", 80);
  objects_.AddService("ns", "headless", "None", 80);
  objects_.AddService("other", "far", "10.96.0.8", 80);
  Var("MY_WEB_PORT", "mine");
  Var("URL", "http://$(MY_WEB_SERVICE_HOST)");
  const auto process = Make();
  ASSERT_TRUE(process.ok());
  const std::map<std::string, std::string> env(process->env.begin(), process->env.end());
  EXPECT_EQ(env.at("MY_WEB_PORT"), "mine");
  EXPECT_EQ(env.at("URL"), "http://10.96.0.9");
  EXPECT_EQ(env.at("MY_WEB_SERVICE_PORT"), "80");
  EXPECT_EQ(env.at("MY_WEB_PORT_80_TCP"), "tcp://10.96.0.9:80");
  EXPECT_EQ(env.at("MY_WEB_PORT_80_TCP_PROTO"), "tcp");
  EXPECT_EQ(env.at("KUBERNETES_SERVICE_HOST"), "10.96.0.1");
  EXPECT_EQ(env.at("KUBERNETES_SERVICE_PORT_HTTPS"), "443");
  EXPECT_EQ(env.at("KUBERNETES_PORT_443_TCP_ADDR"), "10.96.0.1");
  EXPECT_FALSE(env.contains("HEADLESS_SERVICE_HOST"));
  EXPECT_FALSE(env.contains("FAR_SERVICE_HOST"));
}

TEST_F(MakeContainerProcessTest, WithoutServiceLinksOnlyTheMasterIsAnnounced) {
  objects_.AddService("default", "kubernetes", "10.96.0.1", 443);
  objects_.AddService("ns", "web", "10.96.0.9", 80);
  pod_.mutable_spec()->set_enable_service_links(false);
  const auto process = Make();
  const std::map<std::string, std::string> env(process->env.begin(), process->env.end());
  EXPECT_TRUE(env.contains("KUBERNETES_SERVICE_HOST"));
  EXPECT_FALSE(env.contains("WEB_SERVICE_HOST"));
}

TEST(Expand, Table) {
  const auto lookup = [](std::string_view name) -> std::optional<std::string_view> {
    if (name == "A") return "1";
    return std::nullopt;
  };
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},          {"$", "$"},        {"$$", "$"},        {"$(A)", "1"},
      {"$$(A)", "$(A)"}, {"$$$(A)", "$1"},  {"$(B)", "$(B)"},   {"$A", "$A"},
      {"$(A", "$(A"},    {"x$(A)y", "x1y"}, {"$(A)$(A)", "11"}, {"$()", "$()"}};
  for (const auto& [text, want] : cases) EXPECT_EQ(Expand(text, lookup), want) << text;
}

TEST(MetadataField, WholeMapsAreSortedQuotedLines) {
  core::Pod pod;
  (*pod.mutable_metadata()->mutable_labels())["b"] = "x\"y";
  (*pod.mutable_metadata()->mutable_labels())["a"] = "1\n2";
  EXPECT_EQ(*MetadataField(pod, "metadata.labels"), "a=\"1\\n2\"\nb=\"x\\\"y\"");
}

TEST(Amount, Table) {
  struct Case {
    std::string_view text;
    std::optional<int64_t> units, milli;
  } cases[] = {{"0", 0, 0},
               {"1", 1, 1000},
               {"100m", 1, 100},
               {"1.5", 2, 1500},
               {"64Mi", 67108864, 67108864000},
               {"1e3", 1000, 1000000},
               {"1E", 1000000000000000000, std::numeric_limits<int64_t>::max()},
               {"2k", 2000, 2000000},
               {"-5", -5, -5000},
               {"1n", 1, 1},
               {".5", 1, 500},
               {"5.", 5, 5000},
               {"", std::nullopt, std::nullopt},
               {"1x", std::nullopt, std::nullopt},
               {"1.2.3", std::nullopt, std::nullopt}};
  for (const auto& c : cases) {
    EXPECT_EQ(UnitsOf(c.text), c.units) << c.text;
    EXPECT_EQ(MilliOf(c.text), c.milli) << c.text;
  }
}

}  // namespace
}  // namespace berth::agent
