// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/config/config_file.h"
#include "agent/config/flags.h"
#include "base/status.h"

namespace berth::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kHead =
    "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";

std::string ErrorOf(std::string_view body) {
  Config config;
  absl::Status status = ParseConfig(base::StrCat(kHead, body), "/etc/k.yaml", config);
  if (status.ok()) status = ValidateConfig(config);
  return std::string(base::Message(status));
}

TEST(ConfigFile, DefaultsAreTheKubelets) {
  Config config;
  ASSERT_TRUE(ParseConfig(kHead, "f", config).ok());
  EXPECT_TRUE(ValidateConfig(config).ok());
  EXPECT_EQ(config.kubelet.port, 10250);
  EXPECT_EQ(config.kubelet.node_status_update_frequency, absl::Seconds(10));
  EXPECT_EQ(config.kubelet.node_lease_duration_seconds, 40);
  EXPECT_TRUE(config.kubelet.fail_cgroup_v1);
  EXPECT_FALSE(config.kubelet.anonymous_enabled);
  EXPECT_EQ(config.kubelet.eviction_hard.at("nodefs.available"), "10%");
}

TEST(ConfigFile, ReadsNestedFieldsAndASecondDocument) {
  Config config;
  const absl::Status status = ParseConfig(base::StrCat(kHead, R"(
authentication:
  anonymous: {enabled: true}
  x509: {clientCAFile: /ca.crt}
clusterDNS: ["10.96.0.10"]
failCgroupV1: false
syncFrequency: 1m30s
registerWithTaints:
- {key: a, value: b, effect: NoSchedule}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clusterCIDR: 10.244.0.0/16
nftables: {masqueradeAll: true}
)"),
                                          "f", config);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_TRUE(config.kubelet.anonymous_enabled);
  EXPECT_EQ(config.kubelet.client_ca_file, "/ca.crt");
  EXPECT_THAT(config.kubelet.cluster_dns, ElementsAre("10.96.0.10"));
  EXPECT_FALSE(config.kubelet.fail_cgroup_v1);
  EXPECT_EQ(config.kubelet.sync_frequency, absl::Seconds(90));
  ASSERT_EQ(config.kubelet.register_with_taints.size(), 1u);
  EXPECT_EQ(config.kubelet.register_with_taints[0].effect, "NoSchedule");
  EXPECT_EQ(config.proxy.cluster_cidr, "10.244.0.0/16");
  EXPECT_TRUE(config.proxy.nftables.masquerade_all);
}

TEST(ConfigFile, NamingOneHardThresholdSwitchesTheOthersOffUnlessMerged) {
  Config alone, merged;
  ASSERT_TRUE(
      ParseConfig(base::StrCat(kHead, "evictionHard: {memory.available: 200Mi}"), "f", alone).ok());
  EXPECT_EQ(alone.kubelet.eviction_hard.size(), 1u);
  ASSERT_TRUE(ParseConfig(base::StrCat(kHead,
                                       "mergeDefaultEvictionSettings: true\n"
                                       "evictionHard: {memory.available: 200Mi}"),
                          "f", merged)
                  .ok());
  EXPECT_EQ(merged.kubelet.eviction_hard.size(), 5u);
  EXPECT_EQ(merged.kubelet.eviction_hard.at("memory.available"), "200Mi");
}

TEST(ConfigFile, ErrorsNameFileLineAndField) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"prot: 10250\n", "/etc/k.yaml:3: prot: unknown field"},
      {"port: \"10250\"\n", "/etc/k.yaml:3: port: want a whole number, got \"10250\""},
      {"port: 1e3\n", "/etc/k.yaml:3: port: want a whole number, got 1e3"},
      {"port: 99999999999\n", "/etc/k.yaml:3: port: want a whole number, got 99999999999"},
      {"port: 70000\n", "/etc/k.yaml:3: port: must be a port between 1 and 65535, got 70000"},
      {"authentication:\n  anonymous:\n    enabld: true\n",
       "/etc/k.yaml:5: authentication.anonymous.enabld: unknown field"},
      {"syncFrequency: 10 s\n",
       "/etc/k.yaml:3: syncFrequency: want a duration such as 10s, got 10 s"},
      {"failSwapOn: 1\n", "/etc/k.yaml:3: failSwapOn: want true or false, got 1"},
      {"clusterDNS: 10.96.0.10\n",
       "/etc/k.yaml:3: clusterDNS: want a list of strings, got 10.96.0.10"},
      {"systemReserved:\n  cpu: 1\n", "/etc/k.yaml:4: systemReserved.cpu: want a string, got 1"},
      {"evictionHard:\n  memory.available: 100Mi\n  foo: 1%\n",
       "/etc/k.yaml:5: evictionHard.foo: unknown eviction signal"},
      {"evictionHard:\n  memory.available: 101%\n",
       "/etc/k.yaml:4: evictionHard.memory.available: a percentage lies between 0% and 100%"},
      {"evictionHard:\n  nodefs.available: lots\n",
       "/etc/k.yaml:4: evictionHard.nodefs.available: must be a quantity such as 500m or 1Gi, not "
       "negative; got \"lots\""},
      {"kubeReserved:\n  cpu: -1m\n", "/etc/k.yaml:4: kubeReserved.cpu: must be a quantity"},
      {"kubeReserved:\n  gpu: 1m\n", "/etc/k.yaml:4: kubeReserved.gpu: must be one of cpu"},
      {"evictionSoft:\n  memory.available: 1Gi\n",
       "/etc/k.yaml:4: evictionSoft.memory.available: grace period must be specified for the soft "
       "eviction threshold"},
      {"imageGCLowThresholdPercent: 90\n",
       "/etc/k.yaml:3: imageGCLowThresholdPercent: must be less than imageGCHighThresholdPercent"},
      {"maxParallelImagePulls: 3\nserializeImagePulls: true\n",
       "/etc/k.yaml:3: maxParallelImagePulls: cannot be larger than 1 unless serializeImagePulls "
       "is "
       "false"},
      {"shutdownGracePeriod: 1s\nshutdownGracePeriodCriticalPods: 2s\n",
       "/etc/k.yaml:4: shutdownGracePeriodCriticalPods: must not exceed shutdownGracePeriod"},
      {"nodeLeaseDurationSeconds: 0\n",
       "/etc/k.yaml:3: nodeLeaseDurationSeconds: must be greater than 0"},
      {"enforceNodeAllocatable: [system-reserved]\n",
       "/etc/k.yaml:3: enforceNodeAllocatable: system-reserved needs systemReservedCgroup"},
      {"registerWithTaints:\n- key: a\n  effect: Never\n",
       "/etc/k.yaml:3: registerWithTaints: must be one of NoSchedule, PreferNoSchedule, NoExecute; "
       "got \"Never\""},
      {"port: 1\nport: 2\n", "/etc/k.yaml:4: duplicate field \"port\""},
      {"port: [1\n", "/etc/k.yaml:"},
      {"---\nkind: Foo\n",
       "/etc/k.yaml:4: kind: want KubeletConfiguration or KubeProxyConfiguration, got \"Foo\""},
  };
  for (const auto& [body, want] : cases) {
    EXPECT_THAT(ErrorOf(body), HasSubstr(std::string(want))) << body;
  }
}

TEST(ConfigFile, RefusesAnotherVersion) {
  Config config;
  const absl::Status status = ParseConfig(
      "kind: KubeletConfiguration\napiVersion: kubelet.config.k8s.io/v1\n", "f", config);
  EXPECT_EQ(
      base::Message(status),
      "f:2: apiVersion: want kubelet.config.k8s.io/v1beta1, got \"kubelet.config.k8s.io/v1\"");
}

TEST(ConfigFile, ListsWhatHasNoEffect) {
  Config config;
  ASSERT_TRUE(ParseConfig(base::StrCat(kHead, "port: 10250\nhairpinMode: none\nrunOnce: true\n"),
                          "f", config)
                  .ok());
  EXPECT_THAT(config.WithoutEffect(), ElementsAre("hairpinMode", "runOnce"));
}

TEST(ConfigFile, WritesItselfAsJson) {
  KubeletConfig config;
  config.cluster_dns = {"10.96.0.10"};
  const auto json = nlohmann::json::parse(KubeletConfigJson(config));
  EXPECT_EQ(json["syncFrequency"], "1m0s");
  EXPECT_EQ(json["streamingConnectionIdleTimeout"], "4h0m0s");
  EXPECT_EQ(json["imageMaximumGCAge"], "0s");
  EXPECT_EQ(json["cpuCFSQuotaPeriod"], "100ms");
  EXPECT_EQ(json["clusterDNS"][0], "10.96.0.10");
  EXPECT_EQ(json["authentication"]["webhook"]["cacheTTL"], "2m0s");
}

TEST(ParseFlags, TakesTheKubeletsFlags) {
  const auto flags = ParseFlags(
      {"--config=/c.yaml", "--kubeconfig", "/k", "--node-labels=a=b,node.kubernetes.io/x=y",
       "--hostname-override=n1", "--max-pods=5", "--fail-swap-on=false", "-v", "4",
       "--cluster-dns=10.96.0.10,10.96.0.11", "--pod-infra-container-image=pause",
       "--register-with-taints=k=v:NoSchedule,e:NoExecute", "--pod-routes"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->config, "/c.yaml");
  EXPECT_EQ(flags->node_labels.at("node.kubernetes.io/x"), "y");
  EXPECT_TRUE(flags->pod_routes);
  EXPECT_EQ(flags->cert_dir, "/var/lib/kubelet/pki");
  Config config;
  ASSERT_TRUE(ApplyFlags(*flags, config).ok());
  EXPECT_EQ(config.kubelet.max_pods, 5);
  EXPECT_FALSE(config.kubelet.fail_swap_on);
  EXPECT_THAT(config.kubelet.cluster_dns, ElementsAre("10.96.0.10", "10.96.0.11"));
  ASSERT_EQ(config.kubelet.register_with_taints.size(), 2u);
  EXPECT_EQ(config.kubelet.register_with_taints[1].key, "e");
  EXPECT_EQ(config.kubelet.register_with_taints[1].effect, "NoExecute");
  EXPECT_EQ(config.kubelet.logging.verbosity, 4);
  EXPECT_THAT(flags->deprecated, ::testing::Contains("max-pods"));
  EXPECT_THAT(flags->deprecated, ::testing::Contains("pod-infra-container-image"));
}

TEST(ParseFlags, FlagsWinOverTheFile) {
  Config config;
  ASSERT_TRUE(ParseConfig(base::StrCat(kHead, "maxPods: 7\n"), "f", config).ok());
  const auto flags = ParseFlags({"--max-pods=-1"});
  ASSERT_TRUE(flags.ok());
  ASSERT_TRUE(ApplyFlags(*flags, config).ok());
  EXPECT_EQ(base::Message(ValidateConfig(config)), "maxPods: must not be negative, got -1");
}

TEST(ParseFlags, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(std::string(base::Message(ParseFlags({"--no-such-flag"}).status())),
              HasSubstr("--no-such-flag"));
  EXPECT_FALSE(ParseFlags({"stray"}).ok());
  const auto flags = ParseFlags({"--max-pods=many"});
  ASSERT_TRUE(flags.ok());
  Config config;
  EXPECT_EQ(base::Message(ApplyFlags(*flags, config)),
            "--max-pods: wrong value \"many\" for maxPods");
}

TEST(ParseFlags, CleanupIsASubcommandAndAFlag) {
  EXPECT_TRUE(ParseFlags({"cleanup"})->cleanup);
  EXPECT_TRUE(ParseFlags({"--cleanup"})->cleanup);
  EXPECT_FALSE(ParseFlags({})->cleanup);
}

TEST(CheckNodeLabels, RefusesReservedNamespaces) {
  const std::pair<std::string_view, bool> cases[] = {{"example.com/role", true},
                                                     {"role", true},
                                                     {"node.kubernetes.io/role", true},
                                                     {"foo.kubelet.kubernetes.io/x", true},
                                                     {"kubernetes.io/os", true},
                                                     {"kubernetes.io/role", false},
                                                     {"node-role.kubernetes.io/x", false},
                                                     {"a.k8s.io/x", false},
                                                     {"notk8s.io/x", true}};
  for (const auto& [key, good] : cases) {
    EXPECT_EQ(CheckNodeLabels({{std::string(key), "v"}}).ok(), good) << key;
  }
}

}  // namespace
}  // namespace berth::agent
