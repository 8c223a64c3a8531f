// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "base/status.h"
#include "base/strings.h"
#include "controlplane/store/store.h"

namespace berth::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class TempDir {
 public:
  TempDir() {
    std::string text = ::testing::TempDir() + "/store-XXXXXX";
    path_ = ::mkdtemp(text.data());
  }
  ~TempDir() { std::filesystem::remove_all(path_); }
  std::string File() const { return path_ + "/state.db"; }

 private:
  std::string path_;
};

class SqliteStoreTest : public ::testing::Test {
 protected:
  SqliteStoreTest() { Reopen(); }
  void Reopen() {
    store_.reset();
    auto opened = OpenSqliteStore({.path = dir_.File()});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  std::vector<std::string> Keys(const absl::StatusOr<Page>& page) {
    std::vector<std::string> keys;
    if (page.ok()) {
      for (const Record& record : page->records) keys.push_back(record.key);
    }
    return keys;
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteStoreTest, EveryWriteHasItsOwnRisingRevision) {
  const auto first = store_->Create("/a", "1");
  const auto second = store_->Create("/b", "2");
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(*second, *first + 1);
  EXPECT_EQ(store_->revision(), *second);
  EXPECT_EQ(store_->Get("/a")->revision, *first);
}

TEST_F(SqliteStoreTest, CreateRefusesAKeyThatIsThere) {
  ASSERT_TRUE(store_->Create("/a", "1").ok());
  EXPECT_TRUE(absl::IsAlreadyExists(store_->Create("/a", "2").status()));
  EXPECT_EQ(store_->Get("/a")->value, "1");
}

TEST_F(SqliteStoreTest, AWriteBasedOnAnOldRevisionIsAborted) {
  const int64_t first = *store_->Create("/a", "1");
  const int64_t second = *store_->Update("/a", "2", first);
  EXPECT_TRUE(absl::IsAborted(store_->Update("/a", "3", first).status()));
  EXPECT_TRUE(absl::IsAborted(store_->Delete("/a", first).status()));
  EXPECT_TRUE(store_->Delete("/a", second).ok());
  EXPECT_TRUE(absl::IsNotFound(store_->Get("/a").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Update("/a", "4", second).status()));
}

TEST_F(SqliteStoreTest, ListsAPrefixAsItWasAtARevision) {
  const int64_t first = *store_->Create("/pods/a", "1");
  const int64_t then = *store_->Create("/pods/b", "1");
  ASSERT_TRUE(store_->Create("/podsx", "1").ok());
  ASSERT_TRUE(store_->Delete("/pods/a", first).ok());
  EXPECT_THAT(Keys(store_->List("/pods/", {})), ElementsAre("/pods/b"));
  EXPECT_THAT(Keys(store_->List("/pods/", {.revision = then})), ElementsAre("/pods/a", "/pods/b"));
}

TEST_F(SqliteStoreTest, ListsInPages) {
  for (const char* key : {"/p/a", "/p/b", "/p/c"}) ASSERT_TRUE(store_->Create(key, "").ok());
  const auto page = store_->List("/p/", {.limit = 2});
  EXPECT_THAT(Keys(page), ElementsAre("/p/a", "/p/b"));
  EXPECT_TRUE(page->more);
  EXPECT_EQ(page->remaining, 1);
  const auto rest = store_->List("/p/", {.revision = page->revision, .start_key = "/p/c"});
  EXPECT_THAT(Keys(rest), ElementsAre("/p/c"));
  EXPECT_FALSE(rest->more);
}

TEST_F(SqliteStoreTest, TellsListenersBeforeTheWriterGetsItsAnswer) {
  std::vector<int64_t> heard;
  store_->Subscribe([&heard](const std::vector<Change>& changes) {
    for (const Change& change : changes) heard.push_back(change.revision);
  });
  const int64_t revision = *store_->Create("/a", "1");
  EXPECT_THAT(heard, ElementsAre(revision));
}

TEST_F(SqliteStoreTest, HistoryGivesBeforeAndAfterOfEachChange) {
  const int64_t first = *store_->Create("/a", "1");
  const int64_t second = *store_->Update("/a", "2", first);
  ASSERT_TRUE(store_->Delete("/a", second).ok());
  const auto history = store_->History("/", first);
  ASSERT_TRUE(history.ok());
  ASSERT_EQ(history->size(), 2u);
  EXPECT_EQ(*(*history)[0].before, "1");
  EXPECT_EQ(*(*history)[0].after, "2");
  EXPECT_EQ(*(*history)[1].before, "2");
  EXPECT_EQ((*history)[1].after, nullptr);
}

TEST_F(SqliteStoreTest, CompactionForgetsHistoryAndKeepsWhatIsThere) {
  const int64_t first = *store_->Create("/a", "1");
  const int64_t second = *store_->Update("/a", "2", first);
  const int64_t third = *store_->Create("/b", "1");
  ASSERT_TRUE(store_->Compact(third).ok());
  EXPECT_TRUE(absl::IsOutOfRange(store_->History("/", first).status()));
  EXPECT_TRUE(absl::IsOutOfRange(store_->List("/", {.revision = second}).status()));
  EXPECT_TRUE(store_->History("/", third).ok());
  EXPECT_THAT(Keys(store_->List("/", {})), ElementsAre("/a", "/b"));
  EXPECT_EQ(store_->Get("/a")->value, "2");
}

TEST_F(SqliteStoreTest, RevisionsGoOnAfterARestartEvenWhenTheLastWriteWasACompactedDeletion) {
  const int64_t made = *store_->Create("/a", "1");
  const int64_t gone = *store_->Delete("/a", made);
  ASSERT_TRUE(store_->Compact(gone).ok());
  Reopen();
  EXPECT_EQ(store_->revision(), gone);
  EXPECT_GT(*store_->Create("/b", "1"), gone);
}

TEST_F(SqliteStoreTest, ConcurrentWritersAllGetTheirOwnRevision) {
  constexpr int kWriters = 8;
  constexpr int kEach = 20;
  std::vector<std::thread> writers;
  for (int w = 0; w < kWriters; ++w) {
    writers.emplace_back([this, w] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(store_->Create(base::StrCat("/w", w, "/", i), "x").ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  const auto page = store_->List("/w", {});
  ASSERT_TRUE(page.ok());
  std::set<int64_t> revisions;
  for (const Record& record : page->records) revisions.insert(record.revision);
  EXPECT_EQ(revisions.size(), static_cast<size_t>(kWriters * kEach));
}

std::string ReadWhole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// What is damaged is refused by name, and stays as it is for whoever repairs it.
TEST_F(SqliteStoreTest, ADamagedFileIsRefusedByName) {
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(store_->Create(base::StrCat("/n/", i), std::string(500, 'x')).ok());
  }
  store_.reset();
  const std::string whole = ReadWhole(dir_.File());
  ASSERT_GT(whole.size(), 40000u);
  std::string no_database = whole;
  no_database.replace(0, 16, "no database here");
  std::string torn = whole;
  torn.replace(12288, 4096, std::string(4096, '\x5a'));
  for (const std::string& damaged : {no_database, torn}) {
    std::ofstream(dir_.File(), std::ios::binary | std::ios::trunc) << damaged;
    const auto opened = OpenSqliteStore({.path = dir_.File()});
    EXPECT_TRUE(absl::IsDataLoss(opened.status())) << opened.status();
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr(dir_.File()));
    EXPECT_EQ(ReadWhole(dir_.File()), damaged);
  }
}

// A child writes and says after each write that it was acknowledged; it is killed in the middle.
TEST_F(SqliteStoreTest, WhatWasAcknowledgedSurvivesKillMinus9) {
  store_.reset();
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = OpenSqliteStore({.path = dir_.File()});
    for (int i = 0; store.ok(); ++i) {
      if (!(*store)->Create(base::StrCat("/n/", i), base::StrCat(i)).ok()) break;
      if (::write(pipe_ends[1], &i, sizeof i) != sizeof i) break;
    }
    ::_exit(1);
  }
  ::close(pipe_ends[1]);
  int last = -1;
  while (last < 40 && ::read(pipe_ends[0], &last, sizeof last) == sizeof last) {
  }
  ::kill(child, SIGKILL);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  for (int more = 0; ::read(pipe_ends[0], &more, sizeof more) == sizeof more;) last = more;
  ::close(pipe_ends[0]);
  ASSERT_TRUE(WIFSIGNALED(status));
  ASSERT_GE(last, 40);
  Reopen();
  for (int i = 0; i <= last; ++i) {
    const auto record = store_->Get(base::StrCat("/n/", i));
    ASSERT_TRUE(record.ok()) << "acknowledged and lost: " << i;
    EXPECT_EQ(record->value, base::StrCat(i));
  }
}

}  // namespace
}  // namespace berth::controlplane
