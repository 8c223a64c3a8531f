// SPDX-License-Identifier: Apache-2.0
// From a Pod to what the runtime is asked for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/resources/pod_cgroups.h"
#include "agent/resources/quantities.h"
#include "agent/sync/container_config.h"
#include "agent/sync/dns.h"
#include "agent/sync/pod_files.h"
#include "agent/sync/sandbox_config.h"
#include "agent/sync/security.h"
#include "api/codec.h"
#include "api/proto/core/v1/pod.pb.h"
#include "cri/proto/runtime_v1.pb.h"

namespace berth::agent {
namespace {

namespace cri_v1 = ::runtime::v1;
using api::core::v1::Pod;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Pod Parse(std::string_view json) {
  Pod pod;
  const absl::Status status = api::DecodeJson(json, pod);
  EXPECT_TRUE(status.ok()) << status;
  return pod;
}

Pod Web(std::string_view spec) {
  return Parse(std::string(R"({"metadata":{"name":"web","namespace":"shop","uid":"u-1",
      "labels":{"app":"web"},"annotations":{"note":"x"}},"spec":)") +
               std::string(spec) + "}");
}

TEST(SandboxConfig, CarriesTheKubeletsNames) {
  SandboxInputs inputs;
  inputs.attempt = 2;
  inputs.cgroup_parent = "/kubepods/pod1";
  inputs.pod_logs_dir = "/var/log/pods";
  const auto config = MakeSandboxConfig(Web(R"({"containers":[{"name":"a"}]})"), inputs);
  EXPECT_EQ(config.metadata().name(), "web");
  EXPECT_EQ(config.metadata().namespace_(), "shop");
  EXPECT_EQ(config.metadata().uid(), "u-1");
  EXPECT_EQ(config.metadata().attempt(), 2u);
  EXPECT_EQ(config.hostname(), "web");
  EXPECT_EQ(config.log_directory(), "/var/log/pods/shop_web_u-1");
  EXPECT_EQ(config.labels().at("io.kubernetes.pod.uid"), "u-1");
  EXPECT_EQ(config.labels().at("app"), "web");
  EXPECT_EQ(config.annotations().at("note"), "x");
  EXPECT_EQ(config.linux().cgroup_parent(), "/kubepods/pod1");
  EXPECT_EQ(config.linux().security_context().seccomp().profile_type(),
            cri_v1::SecurityProfile::RuntimeDefault);
}

TEST(SandboxConfig, HostNamespacesAndPorts) {
  const auto shared =
      MakeSandboxConfig(Web(R"({"shareProcessNamespace":true,"containers":[{"name":"a","ports":[
          {"containerPort":80,"hostPort":8080,"protocol":"UDP"},{"containerPort":81}]}]})"),
                        {});
  const auto& options = shared.linux().security_context().namespace_options();
  EXPECT_EQ(options.pid(), cri_v1::NamespaceMode::POD);
  ASSERT_EQ(shared.port_mappings_size(), 1);
  EXPECT_EQ(shared.port_mappings(0).protocol(), cri_v1::Protocol::UDP);
  EXPECT_EQ(shared.port_mappings(0).host_port(), 8080);

  const auto host = MakeSandboxConfig(
      Web(R"({"hostNetwork":true,"hostPID":true,"hostIPC":true,"containers":[{"name":"a","ports":[
          {"containerPort":80,"hostPort":80}]}]})"),
      {});
  const auto& host_options = host.linux().security_context().namespace_options();
  EXPECT_EQ(host_options.network(), cri_v1::NamespaceMode::NODE);
  EXPECT_EQ(host_options.pid(), cri_v1::NamespaceMode::NODE);
  EXPECT_EQ(host_options.ipc(), cri_v1::NamespaceMode::NODE);
  EXPECT_EQ(host.port_mappings_size(), 0);
  EXPECT_EQ(host.hostname(), "");
}

TEST(ContainerConfig, CarriesNamesResourcesAndMounts) {
  const Pod pod = Web(R"({"terminationGracePeriodSeconds":7,"containers":[{"name":"a","image":"i:1",
      "workingDir":"/w","tty":true,"stdin":true,
      "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File",
      "lifecycle":{"preStop":{"exec":{"command":["x"]}}},
      "resources":{"requests":{"cpu":"250m","memory":"64Mi"},
                   "limits":{"cpu":"500m","memory":"128Mi"}}}]})");
  ContainerInputs inputs;
  inputs.restart_count = 3;
  inputs.image_ref = "sha256:1";
  inputs.process.env = {{"K", "V"}};
  inputs.process.args = {"serve"};
  inputs.mounts = {{"/data", "/host/data", true, "HostToContainer"}};
  inputs.node_memory_bytes = int64_t{1} << 30;
  const auto config = MakeContainerConfig(pod, pod.spec().containers(0), inputs);
  EXPECT_EQ(config.metadata().attempt(), 3u);
  EXPECT_EQ(config.log_path(), "a/3.log");
  EXPECT_EQ(config.image().image(), "sha256:1");
  EXPECT_EQ(config.labels().at("io.kubernetes.container.name"), "a");
  EXPECT_EQ(config.annotations().at("io.kubernetes.container.restartCount"), "3");
  EXPECT_EQ(config.annotations().at("io.kubernetes.pod.terminationGracePeriod"), "7");
  EXPECT_THAT(config.annotations().at("io.kubernetes.container.preStopHandler"), HasSubstr("exec"));
  EXPECT_EQ(config.envs(0).value(), "V");
  EXPECT_TRUE(config.tty());
  EXPECT_EQ(config.working_dir(), "/w");
  EXPECT_EQ(config.mounts(0).propagation(), cri_v1::PROPAGATION_HOST_TO_CONTAINER);
  EXPECT_TRUE(config.mounts(0).readonly());
  const auto& resources = config.linux().resources();
  EXPECT_EQ(resources.cpu_shares(), 256);
  EXPECT_EQ(resources.cpu_quota(), 50000);
  EXPECT_EQ(resources.memory_limit_in_bytes(), 128 << 20);
  EXPECT_EQ(resources.oom_score_adj(), 938);  // 1000 - 1000 * 64Mi / 1Gi
}

TEST(ContainerConfig, OutOfMemoryEndsTheWholeContainerWhereTheKernelCan) {
  const Pod pod = Web(R"({"containers":[{"name":"a","image":"web:1"}]})");
  ContainerInputs inputs;
  const auto v1 = MakeContainerConfig(pod, pod.spec().containers(0), inputs);
  EXPECT_EQ(v1.linux().resources().unified_size(), 0);
  inputs.group_oom_kill = true;
  const auto v2 = MakeContainerConfig(pod, pod.spec().containers(0), inputs);
  EXPECT_EQ(v2.linux().resources().unified().at("memory.oom.group"), "1");
}

TEST(ContainerSecurity, TheContainersOwnWordGoesBeforeThePods) {
  const Pod pod = Web(R"({"securityContext":{"runAsUser":1000,"runAsGroup":2000,"fsGroup":3000,
      "supplementalGroups":[5],"seccompProfile":{"type":"RuntimeDefault"}},
      "containers":[{"name":"a","securityContext":{"runAsUser":7,"readOnlyRootFilesystem":true,
      "allowPrivilegeEscalation":false,"capabilities":{"add":["NET_ADMIN"],"drop":["ALL"]},
      "seccompProfile":{"type":"Localhost","localhostProfile":"p.json"}}},{"name":"b"}]})");
  cri_v1::LinuxContainerSecurityContext a;
  FillContainerSecurity(pod, pod.spec().containers(0), {"/seccomp", false}, "", a);
  EXPECT_EQ(a.run_as_user().value(), 7);
  EXPECT_EQ(a.run_as_group().value(), 2000);
  EXPECT_THAT(a.supplemental_groups(), ElementsAre(5, 3000));
  EXPECT_TRUE(a.readonly_rootfs());
  EXPECT_TRUE(a.no_new_privs());
  EXPECT_THAT(a.capabilities().drop_capabilities(), ElementsAre("ALL"));
  EXPECT_EQ(a.seccomp().localhost_ref(), "/seccomp/p.json");
  EXPECT_THAT(a.masked_paths(), Contains("/proc/kcore"));
  cri_v1::LinuxContainerSecurityContext b;
  FillContainerSecurity(pod, pod.spec().containers(1), {}, "", b);
  EXPECT_EQ(b.run_as_user().value(), 1000);
  EXPECT_EQ(b.seccomp().profile_type(), cri_v1::SecurityProfile::RuntimeDefault);
  EXPECT_FALSE(b.no_new_privs());
}

TEST(ContainerSecurity, PrivilegedIsUnconfinedAndUnmasked) {
  const Pod pod = Web(R"({"containers":[{"name":"a","securityContext":{"privileged":true}}]})");
  cri_v1::LinuxContainerSecurityContext out;
  FillContainerSecurity(pod, pod.spec().containers(0), {"", true}, "", out);
  EXPECT_TRUE(out.privileged());
  EXPECT_EQ(out.seccomp().profile_type(), cri_v1::SecurityProfile::Unconfined);
  EXPECT_THAT(out.masked_paths(), IsEmpty());
}

TEST(CheckNonRoot, LooksAtThePodThenTheImage) {
  const Pod pod = Web(R"({"securityContext":{"runAsNonRoot":true},"containers":[{"name":"a"}]})");
  const auto& c = pod.spec().containers(0);
  EXPECT_TRUE(CheckNonRoot(pod, c, {1000, ""}).ok());
  EXPECT_THAT(std::string(CheckNonRoot(pod, c, {0, ""}).message()),
              HasSubstr("image will run as root"));
  EXPECT_THAT(std::string(CheckNonRoot(pod, c, {std::nullopt, "www"}).message()),
              HasSubstr("image has non-numeric user (www)"));
  const Pod user = Web(R"({"securityContext":{"runAsNonRoot":true,"runAsUser":5},
      "containers":[{"name":"a"}]})");
  EXPECT_TRUE(CheckNonRoot(user, user.spec().containers(0), {0, ""}).ok());
}

TEST(ResolverFor, FollowsDnsPolicy) {
  const ClusterDns cluster{{"10.96.0.10"}, "cluster.local"};
  const Resolver host = ParseResolvConf("# x\nnameserver 1.1.1.1\nsearch corp.example.\n");
  std::string warning;
  const Resolver first =
      ResolverFor(Web(R"({"dnsPolicy":"ClusterFirst"})"), cluster, host, &warning);
  EXPECT_THAT(first.servers, ElementsAre("10.96.0.10"));
  EXPECT_THAT(first.searches, ElementsAre("shop.svc.cluster.local", "svc.cluster.local",
                                          "cluster.local", "corp.example"));
  EXPECT_THAT(first.options, ElementsAre("ndots:5"));
  EXPECT_THAT(ResolverFor(Web(R"({"dnsPolicy":"Default"})"), cluster, host, nullptr).servers,
              ElementsAre("1.1.1.1"));
  EXPECT_THAT(
      ResolverFor(Web(R"({"dnsPolicy":"ClusterFirst","hostNetwork":true})"), cluster, host, nullptr)
          .servers,
      ElementsAre("1.1.1.1"));
  const Resolver none =
      ResolverFor(Web(R"({"dnsPolicy":"None","dnsConfig":{"nameservers":["9.9.9.9"],
          "options":[{"name":"ndots","value":"2"},{"name":"edns0"}]}})"),
                  cluster, host, nullptr);
  EXPECT_THAT(none.servers, ElementsAre("9.9.9.9"));
  EXPECT_THAT(none.options, ElementsAre("ndots:2", "edns0"));
}

TEST(ResolverFor, MergesAndCutsToTheLimits) {
  const ClusterDns cluster{{"1.0.0.1", "1.0.0.2", "1.0.0.3"}, "c"};
  std::string warning;
  const Resolver out =
      ResolverFor(Web(R"({"dnsPolicy":"ClusterFirst","dnsConfig":{"nameservers":["1.0.0.4"],
          "options":[{"name":"ndots","value":"1"}]}})"),
                  cluster, {}, &warning);
  EXPECT_EQ(out.servers.size(), 3u);
  EXPECT_THAT(out.options, ElementsAre("ndots:1"));
  EXPECT_THAT(warning, HasSubstr("Nameserver limits were exceeded"));
}

TEST(Hostname, ComesFromTheSpecOrTheName) {
  EXPECT_EQ(HostnameOf(Web(R"({"hostname":"h"})")), "h");
  Pod pod = Web("{}");
  pod.mutable_metadata()->set_name(std::string(62, 'a') + "-b");
  EXPECT_EQ(HostnameOf(pod), std::string(62, 'a'));
  EXPECT_EQ(FqdnOf(Web(R"({"hostname":"h","subdomain":"s"})"), "cluster.local"),
            "h.s.shop.svc.cluster.local");
}

TEST(HostsText, ManagedFileOfAPodAndOfAHostNetworkPod) {
  const std::string text =
      HostsText(Web(R"({"hostAliases":[{"ip":"1.2.3.4","hostnames":["db","db2"]}]})"), {"10.0.0.5"},
                "cluster.local", "");
  EXPECT_THAT(text, HasSubstr("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"));
  EXPECT_THAT(text, HasSubstr("10.0.0.5\tweb\n"));
  EXPECT_THAT(text, HasSubstr("# Entries added by HostAliases.\n1.2.3.4\tdb\tdb2\n"));
  EXPECT_EQ(HostsText(Web(R"({"hostNetwork":true})"), {}, "", "127.0.0.1 localhost\n"),
            "# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n");
}

TEST(Qos, ByRequestsAndLimits) {
  const auto qos = [](std::string_view resources) {
    return NameOf(QosOf(Web(std::string(R"({"containers":[{"name":"a","resources":)") +
                            std::string(resources) + "}]}")
                            .spec()));
  };
  EXPECT_EQ(qos("{}"), "BestEffort");
  EXPECT_EQ(qos(R"({"requests":{"cpu":"1"}})"), "Burstable");
  EXPECT_EQ(qos(R"({"limits":{"cpu":"1","memory":"1Gi"}})"), "Guaranteed");
  EXPECT_EQ(qos(R"({"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m"}})"), "Burstable");
}

TEST(Amounts, TheLargestInitContainerOrAllAppsAndSidecars) {
  const Pod pod = Web(R"({"overhead":{"cpu":"10m"},
    "initContainers":[
      {"name":"s","restartPolicy":"Always","resources":{"requests":{"cpu":"100m"}}},
      {"name":"i","resources":{"requests":{"cpu":"800m","memory":"1Ki"}}}],
    "containers":[{"name":"a","resources":{"requests":{"cpu":"300m"}}},
                  {"name":"b","resources":{"requests":{"cpu":"200m"}}}]})");
  PodAmounts amounts = AmountsOf(pod.spec());
  EXPECT_EQ(amounts.requests["cpu"], 910);
  EXPECT_EQ(amounts.requests["memory"], 1024);
}

TEST(OomScoreAdj, ASidecarDoesNotDieBeforeItsApps) {
  const Pod pod = Web(R"({
    "initContainers":[{"name":"s","restartPolicy":"Always"},
                      {"name":"i","resources":{"requests":{"memory":"1Mi"}}}],
    "containers":[{"name":"a","resources":{"requests":{"memory":"256Mi"}}},
                  {"name":"b","resources":{"requests":{"memory":"512Mi"}}}]})");
  const auto score = [&](const auto& container) {
    return OomScoreAdj(pod, container, int64_t{1} << 30);
  };
  EXPECT_EQ(score(pod.spec().containers(0)), 750);
  EXPECT_EQ(score(pod.spec().init_containers(0)), 750);
  EXPECT_EQ(score(pod.spec().init_containers(1)), 999);
}

TEST(CgroupNames, ForBothDrivers) {
  EXPECT_EQ(CgroupParentFor(CgroupDriver::kCgroupfs, "/", QosClass::kBurstable, "a-b"),
            "/kubepods/burstable/poda-b");
  EXPECT_EQ(CgroupParentFor(CgroupDriver::kCgroupfs, "/", QosClass::kGuaranteed, "a-b"),
            "/kubepods/poda-b");
  EXPECT_EQ(CgroupParentFor(CgroupDriver::kSystemd, "/", QosClass::kBurstable, "a-b"),
            "kubepods-burstable-poda_b.slice");
  EXPECT_EQ(
      CgroupPathFor(CgroupDriver::kSystemd, "/x", QosClass::kBestEffort, "a"),
      "x.slice/x-kubepods.slice/x-kubepods-besteffort.slice/x-kubepods-besteffort-poda.slice");
}

TEST(CgroupNames, LeadBackToThePod) {
  EXPECT_EQ(PodUidOf(CgroupDriver::kCgroupfs, "poda-b"), "a-b");
  EXPECT_EQ(PodUidOf(CgroupDriver::kCgroupfs, "burstable"), std::nullopt);
  EXPECT_EQ(PodUidOf(CgroupDriver::kSystemd, "kubepods-burstable-poda_b.slice"), "a-b");
  EXPECT_EQ(PodUidOf(CgroupDriver::kSystemd, "kubepods-poda_b.slice"), "a-b");
  EXPECT_EQ(PodUidOf(CgroupDriver::kSystemd, "kubepods-burstable.slice"), std::nullopt);
  EXPECT_EQ(PodUidOf(CgroupDriver::kSystemd, "kubepods-pod1-x.slice"), std::nullopt);
  EXPECT_EQ(PodUidOf(CgroupDriver::kSystemd, "cri-containerd-1.scope"), std::nullopt);
}

}  // namespace
}  // namespace berth::agent
