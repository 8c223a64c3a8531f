// SPDX-License-Identifier: Apache-2.0
#include "kernel/nft_batch.h"

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernel/network_namespace.h"
#include "kernel/nft_socket.h"
#include "kernel/nft_watch.h"

namespace berth::kernel {
namespace {

std::string Hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned char>(c));
    out += two;
  }
  return out;
}

// A namespace of its own, entered; a visible skip where the process may not have one.
class NftKernelTest : public testing::Test {
 protected:
  void SetUp() override {
    auto made = NetworkNamespace::Create();
    if (absl::IsPermissionDenied(made.status())) GTEST_SKIP() << made.status();
    ASSERT_TRUE(made.ok()) << made.status();
    inside_.emplace(*std::move(made));
    entered_.emplace(*EnterNetworkNamespace::Enter(*inside_));
    socket_.emplace(*NftSocket::Open());
  }
  // Exit code and output of a command, in the namespace.
  static std::pair<int, std::string> Run(const char* command) {
    std::string out;
    FILE* pipe = ::popen(command, "r");
    char chunk[4096];
    while (const size_t n = std::fread(chunk, 1, sizeof chunk, pipe)) out.append(chunk, n);
    return {::pclose(pipe), out};
  }

  std::optional<NetworkNamespace> inside_;
  std::optional<EnterNetworkNamespace> entered_;
  std::optional<NftSocket> socket_;
};

TEST(NftBatch, EncodesAnElementAsTheKernelReadsIt) {
  NftBatch batch(NftFamily::kIp4, "t");
  batch.AddElement("s", {.key = std::string_view("\x0a\x60\x00\x01", 4)});
  std::string_view rest = batch.Finish();
  const auto begin = NextMessage(rest);
  const auto element = NextMessage(rest);
  const auto end = NextMessage(rest);
  ASSERT_TRUE(begin && element && end);
  EXPECT_EQ(begin->type, NFNL_MSG_BATCH_BEGIN);
  EXPECT_EQ(Hex(begin->body), "0000000a");
  EXPECT_EQ(element->type, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM);
  EXPECT_EQ(element->flags, NLM_F_REQUEST | NLM_F_CREATE | NLM_F_ACK);
  EXPECT_EQ(Hex(element->body),
            "02000000"          // nfgenmsg: ip
            "0600010074000000"  // table "t"
            "0600020073000000"  // set "s"
            "14000380"          // elements
            "10000180"          // one
            "0c000180"          // its key
            "08000100"
            "0a600001");
  EXPECT_EQ(end->type, NFNL_MSG_BATCH_END);
  EXPECT_TRUE(rest.empty());
}

TEST(NftBatch, EncodesARuleAsTheKernelReadsIt) {
  EXPECT_EQ(Hex(NftRule().Mark(0).Drop().encoded()),
            "24000180"
            "09000100"
            "6d65746100000000"  // "meta"
            "14000280"
            "0800010000000008"
            "0800020000000003"  // dreg 8, key mark
            "30000180"
            "0e000100"
            "696d6d6564696174650000"
            "00"  // "immediate"
            "1c000280"
            "0800010000000000"  // dreg: the verdict
            "10000280"
            "0c000280"
            "0800010000000000");  // drop
}

TEST(NftBatch, SplitsManyElementsIntoMessagesThatAnAttributeCanHold) {
  NftBatch batch(NftFamily::kIp4, "t");
  for (uint32_t i = 0; i < 10'000; ++i) batch.AddElement("s", {.key = HostU32(i)});
  std::string_view rest = batch.Finish();
  size_t elements = 0, messages = 0;
  while (const auto message = NextMessage(rest)) {
    EXPECT_LE(message->body.size(), 65'535u);
    if (message->type == NFNL_MSG_BATCH_BEGIN || message->type == NFNL_MSG_BATCH_END) continue;
    ++messages;
    auto list = FindAttribute(message->body.substr(4), NFTA_SET_ELEM_LIST_ELEMENTS);
    ASSERT_TRUE(list.has_value());
    while (NextAttribute(list->value)) ++elements;
  }
  EXPECT_EQ(elements, 10'000u);
  EXPECT_GT(messages, 1u);
}

TEST(NftBatch, MessagesCutShortAreNoMessages) {
  NftBatch batch(NftFamily::kIp4, "t");
  batch.AddTable();
  const std::string whole(batch.Finish());
  for (size_t n = 0; n < whole.size(); ++n) {
    std::string_view rest = std::string_view(whole).substr(0, n);
    while (const auto message = NextMessage(rest)) {
      std::string_view attributes = message->body;
      while (NextAttribute(attributes)) {
      }
    }
  }
}

TEST_F(NftKernelTest, LoadsListsChangesAndDeletesATable) {
  NftBatch load(NftFamily::kIp4, "t");
  load.AddTable();
  load.AddChain({"out", "filter", NftHook::kOutput, 0});
  load.AddChain({"block"});
  load.AddSet({.name = "blocked", .key = {NftType::kIp4}});
  load.AddRule("out",
               NftRule().Payload(NftBase::kNetwork, 16, 4, 0).Lookup("blocked", 0).Jump("block"));
  load.AddRule("block", NftRule().Reject(NftReject::kPortUnreachable, NftFamily::kIp4));
  load.AddElement("blocked", {.key = std::string_view("\x0a\x60\x00\x01", 4)});
  ASSERT_TRUE(socket_->Commit(load).ok());

  const auto [code, text] = Run("nft list ruleset");
  EXPECT_EQ(code, 0);
  EXPECT_THAT(text, testing::HasSubstr("ip daddr @blocked jump block"));
  EXPECT_THAT(text, testing::HasSubstr("10.96.0.1"));
  EXPECT_EQ(*socket_->HasTable(NftFamily::kIp4, "t"), true);
  EXPECT_THAT(*socket_->ListChains(NftFamily::kIp4, "t"),
              testing::UnorderedElementsAre("out", "block"));
  EXPECT_THAT(*socket_->ListSets(NftFamily::kIp4, "t"), testing::ElementsAre("blocked"));

  NftBatch change(NftFamily::kIp4, "t");
  change.DeleteElement("blocked", {.key = std::string_view("\x0a\x60\x00\x01", 4)});
  change.AddElement("blocked", {.key = std::string_view("\x0a\x60\x00\x02", 4)});
  ASSERT_TRUE(socket_->Commit(change).ok());
  std::vector<std::string> keys;
  ASSERT_TRUE(socket_
                  ->DumpElements(
                      NftFamily::kIp4, "t", "blocked", [&] { keys.clear(); },
                      [&](const NftElement& e) { keys.push_back(Hex(e.key)); })
                  .ok());
  EXPECT_THAT(keys, testing::ElementsAre("0a600002"));

  NftBatch remove(NftFamily::kIp4, "t");
  remove.DeleteTable();
  ASSERT_TRUE(socket_->Commit(remove).ok());
  EXPECT_EQ(*socket_->HasTable(NftFamily::kIp4, "t"), false);
}

TEST_F(NftKernelTest, ARefusedTransactionNamesTheElementAndChangesNothing) {
  NftBatch load(NftFamily::kIp4, "t");
  load.AddTable();
  load.AddSet({.name = "s", .key = {NftType::kIp4}});
  ASSERT_TRUE(socket_->Commit(load).ok());

  NftBatch bad(NftFamily::kIp4, "t");
  bad.AddElement("s", {.key = HostU32(1)});
  bad.DeleteElement("s", {.key = std::string_view("\x01\x02\x03\x04", 4)});
  const absl::Status status = socket_->Commit(bad);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("element 01020304 of set s"));
  int elements = 0;
  ASSERT_TRUE(socket_
                  ->DumpElements(
                      NftFamily::kIp4, "t", "s", [] {}, [&](const NftElement&) { ++elements; })
                  .ok());
  EXPECT_EQ(elements, 0);
}

TEST_F(NftKernelTest, AWatchTellsOfOthersAndNotOfOurselves) {
  auto watch = NftWatch::Open(socket_->port());
  ASSERT_TRUE(watch.ok()) << watch.status();
  NftBatch load(NftFamily::kIp4, "t");
  load.AddTable();
  load.AddSet({.name = "s", .key = {NftType::kIp4}});
  for (uint32_t i = 1; i <= 20'000; ++i) load.AddElement("s", {.key = HostU32(i)});
  ASSERT_TRUE(socket_->Commit(load).ok());
  bool lost = true;
  EXPECT_TRUE(watch->Read(lost)->empty());
  EXPECT_FALSE(lost);

  ASSERT_EQ(Run("nft add element ip t s '{ 10.0.0.1 }'").first, 0);
  ASSERT_EQ(Run("nft add table ip6 other").first, 0);
  auto edits = *watch->Read(lost);
  EXPECT_FALSE(lost);
  ASSERT_EQ(edits.size(), 2u);
  EXPECT_EQ(edits[0].family, NftFamily::kIp4);
  EXPECT_EQ(edits[0].table, "t");
  EXPECT_FALSE(edits[0].structure);
  EXPECT_THAT(edits[0].by, testing::StartsWith("nft (pid "));
  EXPECT_EQ(edits[1].family, NftFamily::kIp6);
  EXPECT_TRUE(edits[1].structure);

  ASSERT_EQ(Run("nft flush ruleset").first, 0);
  edits = *watch->Read(lost);
  ASSERT_FALSE(edits.empty());
  for (const NftEdit& edit : edits) EXPECT_TRUE(edit.structure) << edit.table;
}

TEST_F(NftKernelTest, ReadsBackALargeSet) {
  NftBatch load(NftFamily::kIp4, "t");
  load.AddTable();
  load.AddSet({.name = "s", .key = {NftType::kIp4}});
  for (uint32_t i = 1; i <= 20'000; ++i) load.AddElement("s", {.key = HostU32(i)});
  ASSERT_TRUE(socket_->Commit(load).ok());
  int elements = 0;
  ASSERT_TRUE(socket_
                  ->DumpElements(
                      NftFamily::kIp4, "t", "s", [&] { elements = 0; },
                      [&](const NftElement&) { ++elements; })
                  .ok());
  EXPECT_EQ(elements, 20'000);
}

}  // namespace
}  // namespace berth::kernel
