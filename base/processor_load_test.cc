// SPDX-License-Identifier: Apache-2.0
#include "base/processor_load.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

namespace berth::base {
namespace {

TEST(ProcessorLoad, IsTheIdleShareSinceTheCallBefore) {
  char path[] = "/tmp/procstatXXXXXX";
  close(mkstemp(path));
  const auto put = [&](const char* line) { std::ofstream(path) << line << "\ncpu0 1 2 3\n"; };
  ProcessorLoad load(path);
  put("cpu  100 0 100 800 0 0 0 0 0 0");
  EXPECT_EQ(load.IdleShare(), 0);  // nothing to compare with
  put("cpu  130 0 120 840 10 0 0 0 30 0");
  EXPECT_DOUBLE_EQ(load.IdleShare(), 0.5);
  EXPECT_EQ(load.IdleShare(), 0);  // no time has passed
  unlink(path);
  EXPECT_EQ(load.IdleShare(), 0);
}

}  // namespace
}  // namespace berth::base
