// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "agent/node/host_setup.h"
#include "agent/node/node_addresses.h"
#include "agent/node/node_resources.h"
#include "agent/node/node_status.h"
#include "agent/node/system_facts.h"
#include "api/proto/core/v1/node.pb.h"
#include "base/status.h"

namespace berth::agent {
namespace {

namespace core = api::core::v1;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using Json = nlohmann::json;

// A root directory with files; gone with the object.
class TempRoot {
 public:
  TempRoot() {
    std::string name = testing::TempDir() + "/rootXXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~TempRoot() { std::filesystem::remove_all(path_); }
  void Write(std::string_view file, std::string_view text) {
    const std::filesystem::path path = path_ + std::string(file);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(SystemFacts, AreReadFromTheRoot) {
  TempRoot root;
  root.Write("/sys/devices/system/cpu/online", "0-2,5\n");
  root.Write("/proc/meminfo",
             "MemTotal:       24689764 kB\nMemAvailable:    1024 kB\nSwapTotal: 0 kB\n");
  root.Write("/etc/machine-id", "abc\n");
  root.Write("/etc/os-release", "ID=debian\nPRETTY_NAME=\"Debian 12\"\n");
  root.Write("/proc/sys/kernel/random/boot_id", "boot\n");
  root.Write("/proc/sys/kernel/osrelease", "6.1.0\n");
  root.Write("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "3\n");
  const auto facts = ReadSystemFacts(root.path());
  ASSERT_TRUE(facts.ok()) << facts.status();
  EXPECT_EQ(facts->cpus, 4);
  EXPECT_EQ(facts->memory_bytes, 24689764LL * 1024);
  EXPECT_EQ(facts->machine_id, "abc");
  EXPECT_EQ(facts->system_uuid, "abc") << "without a DMI id the machine's id stands in";
  EXPECT_EQ(facts->os_image, "Debian 12");
  EXPECT_EQ(facts->boot_id, "boot");
  EXPECT_EQ(facts->kernel_version, "6.1.0");
  EXPECT_THAT(facts->huge_pages, ElementsAre(Pair(2 << 20, 3)));
  EXPECT_EQ(ReadMemoryNow(root.path())->available_bytes, 1024 * 1024);
  EXPECT_FALSE(ReadSystemFacts(root.path() + "/none").ok());
}

TEST(SystemFacts, SwapsAreTheLinesBelowTheHead) {
  TempRoot root;
  EXPECT_EQ(CountSwaps(root.path()), 0);
  root.Write("/proc/swaps", "Filename Type Size Used Priority\n");
  EXPECT_EQ(CountSwaps(root.path()), 0);
  root.Write("/proc/swaps", "Filename Type\n/dev/sda2 partition 1 0 -2\n");
  EXPECT_EQ(CountSwaps(root.path()), 1);
}

TEST(SystemFacts, CpuLists) {
  EXPECT_EQ(CountCpuList("0"), 1);
  EXPECT_EQ(CountCpuList("0-1\n"), 2);
  EXPECT_EQ(CountCpuList("0-1,4,6-7"), 5);
  EXPECT_EQ(CountCpuList(""), 0);
  EXPECT_EQ(CountCpuList("x,3-1"), 0);
}

TEST(CheckHost, RefusesWhatTheConfigurationRefuses) {
  KubeletConfig config;
  EXPECT_TRUE(CheckHost(config, true, 0).ok());
  EXPECT_THAT(std::string(base::Message(CheckHost(config, false, 0))), HasSubstr("cgroup v1"));
  EXPECT_THAT(std::string(base::Message(CheckHost(config, true, 1))), HasSubstr("swap"));
  config.fail_cgroup_v1 = config.fail_swap_on = false;
  EXPECT_TRUE(CheckHost(config, false, 1).ok());
}

TEST(TuneHost, WritesParametersOrRefusesWhenTheyAreProtected) {
  TempRoot root;
  for (const char* name :
       {"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
        "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"}) {
    root.Write(std::string("/proc/sys/") + name, "7\n");
  }
  root.Write("/proc/self/oom_score_adj", "0\n");
  KubeletConfig config;
  config.max_open_files = 0;
  config.protect_kernel_defaults = true;
  EXPECT_EQ(base::Message(TuneHost(config, root.path())),
            "protectKernelDefaults: vm/overcommit_memory is 7, want 1");
  config.protect_kernel_defaults = false;
  ASSERT_TRUE(TuneHost(config, root.path()).ok());
  std::string text;
  std::ifstream(root.path() + "/proc/sys/kernel/panic") >> text;
  EXPECT_EQ(text, "10");
  std::ifstream(root.path() + "/proc/self/oom_score_adj") >> text;
  EXPECT_EQ(text, "-999");
}

TEST(NodeAddresses, TheDefaultRoutesInterfaceComesFirst) {
  const std::vector<InterfaceAddress> local = {
      {"docker0", "172.17.0.1", false}, {"eth0", "10.0.0.5", false}, {"eth0", "fd00::5", true}};
  EXPECT_THAT(*ChooseNodeAddresses("", local, "eth0"), ElementsAre("10.0.0.5"));
  EXPECT_THAT(*ChooseNodeAddresses("", local, ""), ElementsAre("172.17.0.1"));
  EXPECT_THAT(*ChooseNodeAddresses("::", local, "eth0"), ElementsAre("fd00::5"));
  EXPECT_THAT(*ChooseNodeAddresses("1.2.3.4", local, "eth0"), ElementsAre("1.2.3.4"));
  EXPECT_THAT(*ChooseNodeAddresses("1.2.3.4,fd00::1", local, ""),
              ElementsAre("1.2.3.4", "fd00::1"));
  for (std::string_view bad : {"x", "1.2.3.4,", "1.2.3.4,1.2.3.5", "1.2.3.4,fd00::1,fd00::2"}) {
    EXPECT_FALSE(ChooseNodeAddresses(bad, local, "").ok()) << bad;
  }
  EXPECT_FALSE(ChooseNodeAddresses("", {}, "").ok());
}

TEST(NodeAddresses, TheLowestMetricIsTheDefaultRoute) {
  EXPECT_EQ(
      DefaultRouteInterface("Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n"
                            "eth1\t00000000\t0101A8C0\t0003\t0\t0\t200\t00000000\t0\n"
                            "eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\n"
                            "eth2\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n"),
      "eth0");
  EXPECT_EQ(DefaultRouteInterface("Iface\n"), "");
}

TEST(NodeName, IsALowerCaseDnsName) {
  EXPECT_EQ(*NodeName(" Node-1.Example "), "node-1.example");
  EXPECT_FALSE(NodeName("a_b").ok());
  EXPECT_TRUE(NodeName("").ok());
}

class NodeStatusTest : public ::testing::Test {
 protected:
  NodeStatusTest() {
    identity_.name = "n1";
    identity_.addresses = {"10.0.0.1"};
    identity_.kubelet_version = "v1.35.0";
    identity_.facts.cpus = 2;
    identity_.facts.memory_bytes = 8LL << 30;
    identity_.facts.architecture = "amd64";
    seen_.runtime.reachable = absl::OkStatus();
    seen_.runtime.name = "containerd";
    seen_.runtime.version = "1.6.20";
    seen_.runtime.runtime_ready = seen_.runtime.network_ready = true;
    seen_.node_filesystem = {1000LL << 20, 500LL << 20, 1000, 500};
    seen_.memory = {8LL << 30, 4LL << 30};
    seen_.pids = {100, 32768};
  }
  core::NodeStatus Make(const core::NodeStatus& before = {}) {
    return MakeNodeStatus(identity_, config_, seen_, before, now_);
  }
  static const core::NodeCondition& Condition(const core::NodeStatus& status,
                                              std::string_view type) {
    for (const auto& condition : status.conditions()) {
      if (condition.type() == type) return condition;
    }
    return core::NodeCondition::default_instance();
  }

  NodeIdentity identity_;
  KubeletConfig config_;
  NodeObservation seen_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
};

TEST_F(NodeStatusTest, AReadyNode) {
  const core::NodeStatus status = Make();
  EXPECT_TRUE(IsReady(status));
  ASSERT_EQ(status.conditions_size(), 4);
  EXPECT_EQ(status.conditions(0).type(), "MemoryPressure");
  EXPECT_EQ(status.conditions(3).type(), "Ready");
  EXPECT_EQ(status.conditions(3).message(), "kubelet is posting ready status");
  EXPECT_EQ(status.node_info().container_runtime_version(), "containerd://1.6.20");
  EXPECT_EQ(status.daemon_endpoints().kubelet_endpoint().port(), 10250);
  ASSERT_EQ(status.addresses_size(), 2);
  EXPECT_EQ(status.addresses(1).type(), "Hostname");
}

TEST_F(NodeStatusTest, AllocatableIsCapacityWithoutReservationsAndThresholds) {
  config_.kube_reserved = {{"cpu", "100m"}, {"memory", "512Mi"}};
  config_.system_reserved = {{"memory", "412Mi"}, {"ephemeral-storage", "100Mi"}};
  identity_.facts.huge_pages = {{2 << 20, 512}};
  const core::NodeStatus status = Make();
  EXPECT_EQ(status.capacity().at("cpu").string(), "2");
  EXPECT_EQ(status.capacity().at("memory").string(), "8Gi");
  EXPECT_EQ(status.capacity().at("pods").string(), "110");
  EXPECT_EQ(status.capacity().at("hugepages-2Mi").string(), "1Gi");
  EXPECT_EQ(status.allocatable().at("cpu").string(), "1900m");
  EXPECT_EQ(status.allocatable().at("memory").string(), "6Gi");
  EXPECT_EQ(status.allocatable().at("ephemeral-storage").string(), "800Mi");
  config_.kube_reserved["cpu"] = "5";
  EXPECT_EQ(Make().allocatable().at("cpu").string(), "0");
}

TEST_F(NodeStatusTest, PodsPerCoreLimitsPods) {
  config_.pods_per_core = 10;
  EXPECT_EQ(Make().capacity().at("pods").string(), "20");
}

TEST_F(NodeStatusTest, NotReadySaysWhy) {
  seen_.runtime.network_ready = false;
  seen_.runtime.network_reason = "NetworkPluginNotReady";
  seen_.runtime.network_message = "cni plugin not initialized";
  const std::string network =
      "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
      "message:cni plugin not initialized";
  EXPECT_EQ(Condition(Make(), "Ready").message(), network);
  EXPECT_EQ(Condition(Make(), "Ready").reason(), "KubeletNotReady");
  seen_.pods_health = absl::UnavailableError("PLEG is not healthy");
  EXPECT_EQ(Condition(Make(), "Ready").message(), "[" + network + ", PLEG is not healthy]");
  seen_.runtime.reachable = absl::UnavailableError("refused");
  EXPECT_EQ(Condition(Make(), "Ready").message(), "container runtime is down: refused");
}

TEST_F(NodeStatusTest, PressuresAreConditionsAndLeaveTheNodeReady) {
  seen_.pressures = {Pressure::kMemory, Pressure::kDisk};
  core::NodeStatus status = Make();
  EXPECT_EQ(Condition(status, "MemoryPressure").status(), "True");
  EXPECT_EQ(Condition(status, "MemoryPressure").reason(), "KubeletHasInsufficientMemory");
  EXPECT_EQ(Condition(status, "DiskPressure").status(), "True");
  EXPECT_EQ(Condition(status, "PIDPressure").status(), "False");
  EXPECT_TRUE(IsReady(status));
  seen_.pressures = {Pressure::kPid};
  status = Make();
  EXPECT_EQ(Condition(status, "MemoryPressure").status(), "False");
  EXPECT_EQ(Condition(status, "PIDPressure").status(), "True");
}

TEST_F(NodeStatusTest, TransitionTimesMoveOnlyWithTheStatus) {
  const core::NodeStatus first = Make();
  now_ += absl::Seconds(10);
  const core::NodeStatus second = Make(first);
  EXPECT_EQ(second.conditions(3).last_transition_time().seconds(), 1'700'000'000);
  EXPECT_EQ(second.conditions(3).last_heartbeat_time().seconds(), 1'700'000'010);
  EXPECT_FALSE(StatusDiffers(first, second));
  EXPECT_THAT(TransitionEvents(first, second), IsEmpty());
  seen_.runtime.network_ready = false;
  const core::NodeStatus third = Make(second);
  EXPECT_EQ(third.conditions(3).last_transition_time().seconds(), 1'700'000'010);
  EXPECT_TRUE(StatusDiffers(second, third));
  EXPECT_THAT(TransitionEvents(second, third), ElementsAre("NodeNotReady"));
}

TEST_F(NodeStatusTest, ThePatchHoldsWhatChangedAndTheConditions) {
  const core::NodeStatus first = Make();
  identity_.addresses = {"10.0.0.2"};
  config_.max_pods = 7;
  const Json patch = Json::parse(StatusPatch(first, Make(first)))["status"];
  EXPECT_EQ(patch["conditions"].size(), 4u);
  EXPECT_EQ(patch["capacity"], (Json{{"pods", "7"}}));
  EXPECT_EQ(patch["addresses"].size(), 3u);
  EXPECT_EQ(patch["addresses"][2], (Json{{"$patch", "replace"}}));
  EXPECT_FALSE(patch.contains("nodeInfo"));
}

TEST_F(NodeStatusTest, ConditionsAndResourcesOfOthersStay) {
  core::NodeStatus before;
  before.add_conditions()->set_type("NetworkUnavailable");
  (*before.mutable_capacity())["example.com/gpu"].set_string("2");
  const core::NodeStatus after = Make(before);
  EXPECT_EQ(after.conditions_size(), 5);
  EXPECT_EQ(after.capacity().at("example.com/gpu").string(), "2");
}

TEST_F(NodeStatusTest, ImagesAreTheLargestOnes) {
  config_.node_status_max_images = 2;
  seen_.images = {{{"a"}, 1}, {{"b1", "b2", "b3", "b4", "b5", "b6"}, 3}, {{"c"}, 2}};
  const core::NodeStatus status = Make();
  ASSERT_EQ(status.images_size(), 2);
  EXPECT_EQ(status.images(0).names_size(), 5);
  EXPECT_EQ(status.images(1).names(0), "c");
}

TEST_F(NodeStatusTest, ANewNodeHasItsLabelsAndTaints) {
  identity_.labels = {{"zone", "a"}};
  config_.register_with_taints = {{"k", "v", "NoSchedule", ""}};
  const core::Node node = MakeNode(identity_, config_);
  EXPECT_EQ(node.metadata().labels().at("kubernetes.io/hostname"), "n1");
  EXPECT_EQ(node.metadata().labels().at("kubernetes.io/arch"), "amd64");
  EXPECT_EQ(node.metadata().labels().at("zone"), "a");
  EXPECT_EQ(
      node.metadata().annotations().at("volumes.kubernetes.io/controller-managed-attach-detach"),
      "true");
  ASSERT_EQ(node.spec().taints_size(), 1);
  EXPECT_EQ(node.spec().taints(0).effect(), "NoSchedule");

  core::Node existing = node;
  EXPECT_EQ(MetadataPatch(existing, node), "");
  existing.mutable_metadata()->mutable_labels()->erase("zone");
  (*existing.mutable_metadata()->mutable_labels())["others"] = "stay";
  EXPECT_EQ(MetadataPatch(existing, node), R"({"metadata":{"labels":{"zone":"a"}}})");
}

TEST(Threshold, QuantitiesAndPercentages) {
  EXPECT_EQ(ThresholdOf("100Mi", 0), 100 << 20);
  EXPECT_EQ(ThresholdOf("10%", 1000), 100);
  EXPECT_EQ(ThresholdOf("2.5%", 1000), 25);
  EXPECT_EQ(ThresholdOf("x", 1000), std::nullopt);
}

}  // namespace
}  // namespace berth::agent
