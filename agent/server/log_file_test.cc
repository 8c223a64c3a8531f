// SPDX-License-Identifier: Apache-2.0
#include "agent/server/log_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "base/status.h"

namespace berth::agent {
namespace {

TEST(ParseLogEntry, Table) {
  const auto entry = ParseLogEntry("2026-11-24T22:12:16.808112598Z stdout F hello world");
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->time, "2026-11-24T22:12:16.808112598Z");
  EXPECT_EQ(entry->stream, "stdout");
  EXPECT_EQ(entry->text, "hello world");
  EXPECT_FALSE(entry->partial);
  EXPECT_TRUE(ParseLogEntry("t stderr P x")->partial);
  EXPECT_TRUE(ParseLogEntry("t stderr P:more x")->partial);
  EXPECT_EQ(ParseLogEntry("t stdout F ")->text, "");
  EXPECT_EQ(ParseLogEntry("t stdout F")->text, "");
  for (std::string_view bad : {"", "x", "t stdout", "t stdin F x", "t stdout X x"}) {
    EXPECT_FALSE(ParseLogEntry(bad)) << bad;
  }
}

class LogFileTest : public ::testing::Test {
 protected:
  LogFileTest() {
    std::string name = testing::TempDir() + "/logXXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = folder_ + "/0.log";
  }
  ~LogFileTest() override { std::filesystem::remove_all(folder_); }

  void Append(std::string_view text) { std::ofstream(path_, std::ios::app) << text; }
  void Line(int second, std::string_view text, char tag = 'F') {
    Append(base::StrCat("2026-01-01T00:00:", second < 10 ? "0" : "", second, "Z stdout ", tag, " ",
                        text, "\n"));
  }
  std::string All(const LogOptions& options = {}) {
    auto file = LogFile::Open(path_, options);
    return file.ok() ? Rest(*file) : std::string(base::Message(file.status()));
  }
  static std::string Rest(LogFile& file) {
    std::string out;
    while (true) {
      const auto more = file.Read(1 << 20, out);
      if (!more.ok() || !*more) return out;
    }
  }
  std::string folder_, path_;
};

TEST_F(LogFileTest, PartsBecomeOneLine) {
  Line(1, "one");
  Line(2, "tw", 'P');
  Line(2, "o, still two", 'P');
  Line(2, "!", 'F');
  Line(3, "no newline at the end", 'P');
  EXPECT_EQ(All(), "one\ntwo, still two!\nno newline at the end");
}

TEST_F(LogFileTest, TimestampsStandBeforeWholeLines) {
  Line(1, "a", 'P');
  Line(2, "b");
  EXPECT_EQ(All({.timestamps = true}), "2026-01-01T00:00:01Z ab\n");
}

TEST_F(LogFileTest, TailCountsWholeLines) {
  Line(1, "one");
  Line(2, "tw", 'P');
  Line(2, "o");
  Line(3, "three");
  EXPECT_EQ(All({.tail_lines = 2}), "two\nthree\n");
  EXPECT_EQ(All({.tail_lines = 1}), "three\n");
  EXPECT_EQ(All({.tail_lines = 0}), "");
  EXPECT_EQ(All({.tail_lines = 99}), "one\ntwo\nthree\n");
}

TEST_F(LogFileTest, SinceDropsOlderLines) {
  Line(1, "old");
  Line(5, "new");
  LogOptions options;
  absl::ParseTime(absl::RFC3339_full, "2026-01-01T00:00:03Z", &options.since.emplace(), nullptr);
  EXPECT_EQ(All(options), "new\n");
}

TEST_F(LogFileTest, LimitCutsWithinALine) {
  Line(1, "12345");
  Line(2, "67890");
  EXPECT_EQ(All({.limit_bytes = 8}), "12345\n67");
  EXPECT_EQ(All({.limit_bytes = 6}), "12345\n");
}

TEST_F(LogFileTest, FollowsThroughRotation) {
  Line(1, "before");
  auto file = LogFile::Open(path_, {});
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(Rest(*file), "before\n");
  Line(2, "last of the old");
  std::rename(path_.c_str(), (path_ + ".20260101-000000").c_str());
  EXPECT_EQ(Rest(*file), "last of the old\n");
  Line(3, "first of the new");
  EXPECT_EQ(Rest(*file), "first of the new\n");
}

TEST_F(LogFileTest, WhatTheRuntimeWritesToTheOldFileWhileItChangesIsNotLost) {
  Line(1, "before");
  auto file = LogFile::Open(path_, {});
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(Rest(*file), "before\n");
  const std::string rotated = path_ + ".20260101-000000";
  std::rename(path_.c_str(), rotated.c_str());
  Line(3, "first of the new");
  std::ofstream(rotated, std::ios::app) << "2026-01-01T00:00:02Z stdout F last of the old\n";
  EXPECT_EQ(Rest(*file), "last of the old\nfirst of the new\n");
}

TEST_F(LogFileTest, ALineIsShownWhenItIsComplete) {
  Append("2026-01-01T00:00:01Z stdout F half");
  auto file = LogFile::Open(path_, {});
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(Rest(*file), "");
  Append(" and half\n");
  EXPECT_EQ(Rest(*file), "half and half\n");
}

TEST_F(LogFileTest, GarbageIsLeftOut) {
  Append("not a log line\n");
  Line(1, "good");
  EXPECT_EQ(All(), "good\n");
  EXPECT_TRUE(absl::IsNotFound(LogFile::Open(folder_ + "/none", {}).status()));
}

TEST(LogOptions, AreParsedAndChecked) {
  const absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  auto parse = [&](std::string_view query) {
    return ParseLogOptions(http::Target::Parse(base::StrCat("/x?", query)), now);
  };
  const auto good = parse("follow=true&tailLines=5&sinceSeconds=60&timestamps=1&limitBytes=10");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_TRUE(good->follow);
  EXPECT_TRUE(good->timestamps);
  EXPECT_FALSE(good->previous);
  EXPECT_EQ(good->tail_lines, 5);
  EXPECT_EQ(good->since, now - absl::Seconds(60));
  for (std::string_view bad :
       {"follow=maybe", "tailLines=-1", "tailLines=x", "limitBytes=0", "sinceSeconds=0",
        "sinceTime=yesterday", "sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z"}) {
    EXPECT_FALSE(parse(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace berth::agent
