// SPDX-License-Identifier: Apache-2.0
#include "kernel/run_program.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace berth::kernel {
namespace {

TEST(RunProgram, PassesInputAndReturnsOutput) {
  const std::string large(1 << 20, 'x');  // more than a pipe holds
  EXPECT_EQ(RunProgram("cat", {}, large, absl::Seconds(30)).value(), large);
  EXPECT_EQ(RunProgram("echo", {"a b", "c"}, "", absl::Seconds(30)).value(), "a b c\n");
}

TEST(RunProgram, SaysWhatWentWrong) {
  EXPECT_TRUE(absl::IsNotFound(RunProgram("no-such-program", {}, "", absl::Seconds(30)).status()));
  const auto failed = RunProgram("sh", {"-c", "echo why >&2; exit 3"}, "", absl::Seconds(30));
  EXPECT_TRUE(absl::IsInternal(failed.status()));
  EXPECT_THAT(std::string(failed.status().message()), testing::HasSubstr("code 3: why"));
  EXPECT_TRUE(
      absl::IsDeadlineExceeded(RunProgram("sleep", {"1000"}, "", absl::Milliseconds(50)).status()));
}

}  // namespace
}  // namespace berth::kernel
