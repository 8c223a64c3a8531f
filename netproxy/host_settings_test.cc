// SPDX-License-Identifier: Apache-2.0
#include "netproxy/host_settings.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::netproxy {
namespace {

class HostSettingsTest : public testing::Test {
 protected:
  HostSettingsTest() {
    std::string pattern = testing::TempDir() + "host_settings_XXXXXX";
    root_ = ::mkdtemp(pattern.data());
  }
  ~HostSettingsTest() override { std::filesystem::remove_all(root_); }
  void Write(const std::string& name, const std::string& value) {
    const std::filesystem::path path = root_ + "/" + name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << value << "\n";
  }
  std::string Read(const std::string& name) {
    std::ifstream file(root_ + "/" + name);
    std::string out;
    file >> out;
    return out;
  }
  std::string root_;
};

TEST_F(HostSettingsTest, SwitchesOnWhatIsOffAndToleratesWhatIsNotThere) {
  Write("net/ipv4/ip_forward", "0");
  Write("net/bridge/bridge-nf-call-iptables", "0");
  EXPECT_TRUE(PrepareHost({.proc_sys = root_}).ok());
  EXPECT_EQ(Read("net/ipv4/ip_forward"), "1");
  EXPECT_EQ(Read("net/bridge/bridge-nf-call-iptables"), "1");
}

TEST_F(HostSettingsTest, NeverMakesTheConnectionTableSmaller) {
  Write("net/netfilter/nf_conntrack_max", "900000");
  EXPECT_TRUE(PrepareHost({.conntrack_min = 131072, .proc_sys = root_}).ok());
  EXPECT_EQ(Read("net/netfilter/nf_conntrack_max"), "900000");
  EXPECT_TRUE(PrepareHost({.conntrack_min = 1000000, .proc_sys = root_}).ok());
  EXPECT_EQ(Read("net/netfilter/nf_conntrack_max"), "1000000");
}

}  // namespace
}  // namespace berth::netproxy
