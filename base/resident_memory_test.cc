// SPDX-License-Identifier: Apache-2.0
#include "base/resident_memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace berth::base {
namespace {

int ResidentFileKilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssFile:")) return std::stoi(line.substr(8));
  }
  return -1;
}

TEST(ReleaseIdleMemory, LetsGoOfFilesAndBreaksNothing) {
  const std::string text = "still here";
  const int before = ResidentFileKilobytes();
  ASSERT_GT(before, 0);
  for (int i = 0; i < 3; ++i) EXPECT_GT(ReleaseIdleMemory(), 0u);
  EXPECT_LT(ResidentFileKilobytes(), before);
  EXPECT_EQ(text, "still here");
  EXPECT_THROW(throw std::string(text), std::string);  // unwinding reads read-only tables
}

}  // namespace
}  // namespace berth::base
