// SPDX-License-Identifier: Apache-2.0
#include "api/defaults.h"

#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "api/codec.h"
#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/coordination/v1/coordination.pb.h"
#include "api/proto/core/v1/config.pb.h"
#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/core/v1/service.pb.h"
#include "api/proto/discovery/v1/discovery.pb.h"

namespace berth::api {
namespace {

template <class T>
T Parse(const std::string& text) {
  T object;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &object)) << text;
  return object;
}

// `text` with defaults is `want`, and defaults once more change nothing.
template <class T>
void ExpectDefaults(const std::string& text, const std::string& want,
                    void (*apply)(Message&) = ApplyDefaults) {
  T object = Parse<T>(text);
  apply(object);
  std::string difference;
  google::protobuf::util::MessageDifferencer differ;
  differ.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differ.Compare(Parse<T>(want), object)) << text << "\n" << difference;
  const T once = object;
  apply(object);
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(once, object)) << text;
}

constexpr char kContainer[] =
    "termination_message_path: '/dev/termination-log' termination_message_policy: 'File' ";
constexpr char kSpec[] =
    "restart_policy: 'Always' dns_policy: 'ClusterFirst' scheduler_name: 'default-scheduler' "
    "termination_grace_period_seconds: 30 security_context {} ";

TEST(Defaults, Pod) {
  ExpectDefaults<core::v1::Pod>("spec { containers { name: 'a' image: 'x' } }",
                                std::string("spec { enable_service_links: true containers { name: "
                                            "'a' image: 'x' image_pull_policy: 'Always' ") +
                                    kContainer + "} " + kSpec + "}");
  ExpectDefaults<core::v1::Pod>(
      "spec { restart_policy: 'Never' dns_policy: 'Default' scheduler_name: 's' "
      "termination_grace_period_seconds: 0 enable_service_links: false service_account: 'sa' }",
      "spec { restart_policy: 'Never' dns_policy: 'Default' scheduler_name: 's' "
      "termination_grace_period_seconds: 0 enable_service_links: false service_account: 'sa' "
      "service_account_name: 'sa' security_context {} }");
}

TEST(Defaults, PullPolicyFollowsTheTag) {
  const std::pair<std::string, std::string> cases[] = {
      {"x", "Always"},
      {"x:latest", "Always"},
      {"x:1", "IfNotPresent"},
      {"host:5000/x", "Always"},
      {"host:5000/x:1", "IfNotPresent"},
      {"host:5000/a/x:latest", "Always"},
      {"x@sha256:abc", "IfNotPresent"},
      {"x:latest@sha256:abc", "Always"},
      {"host:5000/x@sha256:abc", "IfNotPresent"},
  };
  for (const auto& [image, policy] : cases) {
    core::v1::Pod pod;
    pod.mutable_spec()->add_init_containers()->set_image(image);
    ApplyDefaults(pod);
    EXPECT_EQ(pod.spec().init_containers(0).image_pull_policy(), policy) << image;
  }
}

TEST(Defaults, ContainerPortsProbesEnvAndResources) {
  ExpectDefaults<core::v1::Pod>(
      "spec { host_network: true containers { name: 'a' image: 'x:1' ports { container_port: 80 } "
      "ports { container_port: 53 protocol: 'UDP' host_port: 5353 } "
      "liveness_probe { handler { http_get { } } } "
      "readiness_probe { period_seconds: 3 handler { grpc { port: 1 } } } "
      "lifecycle { pre_stop { http_get { path: '/bye' } } } "
      "env { name: 'N' value_from { field_ref { field_path: 'metadata.name' } } } "
      "resources { limits { key: 'cpu' value { string: '1' } } limits { key: 'memory' value { "
      "string: '1Gi' } } requests { key: 'cpu' value { string: '100m' } } } } }",
      std::string("spec { enable_service_links: true host_network: true containers { name: 'a' "
                  "image: 'x:1' image_pull_policy: 'IfNotPresent' "
                  "ports { container_port: 80 protocol: 'TCP' host_port: 80 } "
                  "ports { container_port: 53 protocol: 'UDP' host_port: 5353 } "
                  "liveness_probe { timeout_seconds: 1 period_seconds: 10 success_threshold: 1 "
                  "failure_threshold: 3 handler { http_get { path: '/' scheme: 'HTTP' } } } "
                  "readiness_probe { timeout_seconds: 1 period_seconds: 3 success_threshold: 1 "
                  "failure_threshold: 3 handler { grpc { port: 1 service: '' } } } "
                  "lifecycle { pre_stop { http_get { path: '/bye' scheme: 'HTTP' } } } "
                  "env { name: 'N' value_from { field_ref { api_version: 'v1' field_path: "
                  "'metadata.name' } } } "
                  "resources { limits { key: 'cpu' value { string: '1' } } limits { key: 'memory' "
                  "value { string: '1Gi' } } requests { key: 'cpu' value { string: '100m' } } "
                  "requests { key: 'memory' value { string: '1Gi' } } } ") +
          kContainer + "} " + kSpec + "}");
}

TEST(Defaults, Volumes) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "empty_dir {}"},
      {"host_path { path: '/x' }", "host_path { path: '/x' type: '' }"},
      {"secret {}", "secret { default_mode: 420 }"},
      {"secret { default_mode: 256 }", "secret { default_mode: 256 }"},
      {"config_map {}", "config_map { default_mode: 420 }"},
      {"downward_api { items { path: 'p' field_ref { field_path: 'f' } } }",
       "downward_api { default_mode: 420 items { path: 'p' field_ref { field_path: 'f' "
       "api_version: 'v1' } } }"},
      {"projected { sources { service_account_token { path: 't' } } sources { downward_api { items "
       "{ field_ref {} } } } }",
       "projected { default_mode: 420 sources { service_account_token { path: 't' "
       "expiration_seconds: 3600 } } sources { downward_api { items { field_ref { api_version: "
       "'v1' } } } } }"},
  };
  for (const auto& [text, want] : cases) {
    ExpectDefaults<core::v1::Pod>(
        "spec { volumes { name: 'v' volume_source { " + text + " } } }",
        "spec { enable_service_links: true volumes { name: 'v' volume_source { " + want + " } } " +
            kSpec + "}");
  }
}

TEST(Defaults, Service) {
  ExpectDefaults<core::v1::Service>(
      "spec { ports { port: 80 } ports { port: 53 protocol: 'UDP' target_port { type: 1 str_val: "
      "'dns' } } }",
      "spec { type: 'ClusterIP' session_affinity: 'None' internal_traffic_policy: 'Cluster' ports "
      "{ port: 80 protocol: 'TCP' target_port { type: 0 int_val: 80 } } ports { port: 53 protocol: "
      "'UDP' target_port { type: 1 str_val: 'dns' } } }");
  ExpectDefaults<core::v1::Service>(
      "spec { type: 'NodePort' session_affinity: 'ClientIP' }",
      "spec { type: 'NodePort' session_affinity: 'ClientIP' session_affinity_config { client_ip { "
      "timeout_seconds: 10800 } } external_traffic_policy: 'Cluster' internal_traffic_policy: "
      "'Cluster' ip_family_policy: 'SingleStack' ip_families: 'IPv4' }",
      ApplyCreateDefaults);
  ExpectDefaults<core::v1::Service>(
      "spec { type: 'LoadBalancer' external_traffic_policy: 'Local' cluster_ip: 'fd00::1' }",
      "spec { type: 'LoadBalancer' session_affinity: 'None' external_traffic_policy: 'Local' "
      "internal_traffic_policy: 'Cluster' allocate_load_balancer_node_ports: true cluster_ip: "
      "'fd00::1' ip_family_policy: 'SingleStack' ip_families: 'IPv6' }",
      ApplyCreateDefaults);
  ExpectDefaults<core::v1::Service>("spec { type: 'ExternalName' external_name: 'x' }",
                                    "spec { type: 'ExternalName' external_name: 'x' "
                                    "session_affinity: 'None' }",
                                    ApplyCreateDefaults);
}

TEST(Defaults, Workloads) {
  const std::string pod = std::string("template { spec { ") + kSpec + "} } ";
  ExpectDefaults<apps::v1::Deployment>(
      "spec {}", "spec { " + pod +
                     "replicas: 1 revision_history_limit: 10 progress_deadline_seconds: 600 "
                     "strategy { type: 'RollingUpdate' rolling_update { max_unavailable { type: 1 "
                     "str_val: '25%' } max_surge { type: 1 str_val: '25%' } } } }");
  ExpectDefaults<apps::v1::Deployment>(
      "spec { replicas: 0 strategy { type: 'Recreate' } }",
      "spec { " + pod +
          "replicas: 0 revision_history_limit: 10 progress_deadline_seconds: 600 strategy { type: "
          "'Recreate' } }");
  ExpectDefaults<apps::v1::ReplicaSet>("spec {}", "spec { " + pod + "replicas: 1 }");
  ExpectDefaults<apps::v1::DaemonSet>(
      "spec {}", "spec { " + pod +
                     "revision_history_limit: 10 update_strategy { type: 'RollingUpdate' "
                     "rolling_update { max_unavailable { type: 0 int_val: 1 } max_surge { type: 0 "
                     "int_val: 0 } } } }");
  ExpectDefaults<apps::v1::StatefulSet>(
      "spec {}", "spec { " + pod +
                     "replicas: 1 revision_history_limit: 10 pod_management_policy: 'OrderedReady' "
                     "persistent_volume_claim_retention_policy { when_deleted: 'Retain' "
                     "when_scaled: 'Retain' } update_strategy { type: 'RollingUpdate' "
                     "rolling_update { partition: 0 } } }");
}

TEST(Defaults, TheRest) {
  ExpectDefaults<core::v1::Namespace>(
      "metadata { name: 'n' }",
      "metadata { name: 'n' labels { key: 'kubernetes.io/metadata.name' value: 'n' } } status { "
      "phase: 'Active' }");
  ExpectDefaults<core::v1::Namespace>(
      "metadata { name: 'n' } status { phase: 'Terminating' }",
      "metadata { name: 'n' labels { key: 'kubernetes.io/metadata.name' value: 'n' } } spec { "
      "finalizers: 'kubernetes' } status { phase: 'Terminating' }",
      ApplyCreateDefaults);
  ExpectDefaults<core::v1::Secret>("", "type: 'Opaque'");
  ExpectDefaults<core::v1::Secret>("type: 'x'", "type: 'x'");
  ExpectDefaults<core::v1::Node>(
      "status { capacity { key: 'cpu' value { string: '2' } } }",
      "status { capacity { key: 'cpu' value { string: '2' } } allocatable { key: 'cpu' value { "
      "string: '2' } } }");
  ExpectDefaults<core::v1::Secret>(
      "data { key: 'a' value: '0' } string_data { key: 'a' value: '1' }",
      "type: 'Opaque' data { key: 'a' value: '1' }");
  ExpectDefaults<core::v1::Node>("", "");
  ExpectDefaults<core::v1::Endpoints>("subsets { ports { port: 1 } }",
                                      "subsets { ports { port: 1 protocol: 'TCP' } }");
  ExpectDefaults<discovery::v1::EndpointSlice>("ports { port: 1 }",
                                               "ports { port: 1 protocol: 'TCP' name: '' }");
  ExpectDefaults<coordination::v1::Lease>("", "");
}

TEST(Defaults, AreTheSameForWhatCameOverTheWire) {
  for (const std::string json :
       {R"({"apiVersion":"v1","kind":"Service","spec":{"ports":[{"port":80}]}})",
        R"({"apiVersion":"apps/v1","kind":"Deployment","spec":{"template":{"spec":{"containers":[
            {"name":"a","image":"x"}],"volumes":[{"name":"v"}]}}}})",
        R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","ports":[{"port":1}]})"}) {
    const auto object = DecodeJsonObject(json);
    ASSERT_TRUE(object.ok()) << object.status();
    const auto wired = DecodeProtoObject(EncodeProto(**object));
    ASSERT_TRUE(wired.ok()) << wired.status();
    ApplyDefaults(**object);
    ApplyDefaults(**wired);
    EXPECT_EQ(EncodeJson(**wired), EncodeJson(**object));
  }
}

}  // namespace
}  // namespace berth::api
