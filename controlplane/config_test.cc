// SPDX-License-Identifier: Apache-2.0
#include "controlplane/config.h"

#include <gtest/gtest.h>

#include "base/status.h"

namespace berth::controlplane {
namespace {

std::string Complaint(std::string_view text) {
  Config config;
  return std::string(base::Message(ParseConfig(text, "f.yaml", config)));
}

TEST(ParseConfig, SetsWhatIsThereAndLeavesTheRest) {
  Config config;
  ASSERT_TRUE(ParseConfig("securePort: 7443\ndataDir: /x\n", "f.yaml", config).ok());
  EXPECT_EQ(config.secure_port, 7443);
  EXPECT_EQ(config.data_dir, "/x");
  EXPECT_EQ(config.cluster_cidr, "10.244.0.0/16");
  EXPECT_TRUE(ParseConfig("", "f.yaml", config).ok());
}

TEST(ParseConfig, NamesFileLineAndField) {
  EXPECT_EQ(Complaint("dataDir: /x\nsecurePrt: 1\n"), "f.yaml:2: securePrt: unknown field");
  EXPECT_EQ(Complaint("securePort: x\n"), "f.yaml:1: securePort: want a number, got \"x\"");
  EXPECT_EQ(Complaint("securePort: 70000\n"), "f.yaml:1: securePort: 70000 is no port");
  EXPECT_EQ(Complaint("nodeMonitorGracePeriod: soon\n"),
            "f.yaml:1: nodeMonitorGracePeriod: \"soon\" is no period such as 50s");
  EXPECT_EQ(Complaint("\nclusterCIDR: 10.0.0.0\n"),
            "f.yaml:2: clusterCIDR: \"10.0.0.0\" is no IPv4 range such as 10.96.0.0/16");
  EXPECT_EQ(Complaint("bindAddress: [a]\n"), "f.yaml:1: bindAddress: want a single value");
  EXPECT_EQ(Complaint("dataDir: a\ndataDir: b\n"), "f.yaml:2: dataDir: given twice");
  EXPECT_EQ(Complaint("- a\n"), "f.yaml:1: want a mapping");
  EXPECT_EQ(Complaint("a: [\n").substr(0, 9), "f.yaml:2:");
}

}  // namespace
}  // namespace berth::controlplane
