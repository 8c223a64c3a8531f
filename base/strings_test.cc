// SPDX-License-Identifier: Apache-2.0
#include "base/strings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/status.h"

namespace berth::base {
namespace {

using ::testing::ElementsAre;

TEST(StrCat, TakesEveryKindOfStringAndNumber) {
  EXPECT_EQ(StrCat("a", std::string("b"), std::string_view("c"), absl::string_view("d"), 'e', 1,
                   -2LL, true),
            "abcde1-2true");
}

TEST(Split, KeepsEmptyPieces) {
  EXPECT_THAT(Split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
}

TEST(ParseInt, TakesWholeNumbersOnly) {
  EXPECT_EQ(ParseInt<int>("12"), 12);
  EXPECT_EQ(ParseInt<int>("12 "), std::nullopt);
  EXPECT_EQ(ParseInt<int>(""), std::nullopt);
  EXPECT_EQ(ParseInt<uint8_t>("256"), std::nullopt);
}

TEST(Trim, RemovesWhiteSpaceAtBothEnds) {
  EXPECT_EQ(Trim(" \ta b\n"), "a b");
  EXPECT_EQ(Trim(" "), "");
}

absl::Status Outer(const absl::Status& inner) {
  RETURN_IF_ERROR(inner, "opening ", 7);
  return absl::OkStatus();
}

absl::StatusOr<int> Half(absl::StatusOr<int> n) {
  ASSIGN_OR_RETURN(const int whole, std::move(n), "halving");
  return whole / 2;
}

TEST(StatusMacros, PutTheContextBeforeTheCause) {
  EXPECT_TRUE(Outer(absl::OkStatus()).ok());
  const absl::Status s = Outer(NotFound("no such door"));
  EXPECT_EQ(s.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Message(s), "opening 7: no such door");
  EXPECT_EQ(*Half(8), 4);
  EXPECT_EQ(Message(Half(NotFound("nothing")).status()), "halving: nothing");
}

TEST(FromErrno, NamesTheError) {
  EXPECT_EQ(Message(FromErrno(ENOENT, "reading /x")), "reading /x: No such file or directory");
}

}  // namespace
}  // namespace berth::base
