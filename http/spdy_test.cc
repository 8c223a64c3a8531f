// SPDX-License-Identifier: Apache-2.0
#include "http/spdy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"

namespace berth::http {
namespace {

using testing::ElementsAre;

std::string Bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

struct Seen : SpdyReader::Sink {
  void OnReply(uint32_t stream) override { log.push_back(base::StrCat("reply ", stream)); }
  void OnData(uint32_t stream, std::string_view data, bool fin) override {
    const std::string name = base::StrCat("data ", stream, ":");
    if (log.empty() || !log.back().starts_with(name)) log.push_back(name);
    base::StrAppend(log.back(), data, fin ? "!" : "");
  }
  void OnReset(uint32_t stream) override { log.push_back(base::StrCat("reset ", stream)); }
  void OnPing(uint32_t id) override { log.push_back(base::StrCat("ping ", id)); }
  std::vector<std::string> log;
};

TEST(SpdyWriter, OpensStreamsInOneUncompressedZlibStream) {
  SpdyWriter writer;
  std::string first, second;
  writer.SynStream(first, 1, {{"streamtype", "error"}});
  writer.SynStream(second, 3, {{"a", "b"}});
  const std::string pairs =
      Bytes({0, 0, 0, 1, 0, 0, 0, 10}) + "streamtype" + Bytes({0, 0, 0, 5}) + "error";
  EXPECT_EQ(
      first,
      Bytes({0x80, 3,    0, 1,  0, 0,    0,   10 + 2 + 5 + 27 + 5, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0,
             0x78, 0x01, 0, 27, 0, 0xe4, 0xff}) +
          pairs + Bytes({0, 0, 0, 0xff, 0xff}));
  EXPECT_EQ(second, Bytes({0x80, 3,   0, 1,  0,   0,    0,    10 + 5 + 14 + 5,
                           0,    0,   0, 3,  0,   0,    0,    0,
                           0,    0,   0, 14, 0,   0xf1, 0xff, 0,
                           0,    0,   1, 0,  0,   0,    1,    'a',
                           0,    0,   0, 1,  'b', 0,    0,    0,
                           0xff, 0xff}));
}

TEST(SpdyWriter, SaysWhichDataIsTheLast) {
  std::string out;
  SpdyWriter::Data(out, 3, "hi", false);
  SpdyWriter::Data(out, 3, "", true);
  SpdyWriter::Ping(out, 2);
  EXPECT_EQ(out, Bytes({0, 0, 0, 3,    0, 0, 0, 2, 'h', 'i', 0, 0, 0, 3, 1,
                        0, 0, 0, 0x80, 3, 0, 6, 0, 0,   0,   4, 0, 0, 0, 2}));
  out.clear();
  SpdyWriter::Data(out, 3, std::string(1 << 24, 'x'), true);
  EXPECT_EQ(out.substr(0, 8), Bytes({0, 0, 0, 3, 0, 0xff, 0xff, 0xff}));
  EXPECT_EQ(out.substr(out.size() - 9), Bytes({0, 0, 0, 3, 1, 0, 0, 1, 'x'}));
}

TEST(SpdyReader, TakesFramesHoweverTheyAreCut) {
  std::string bytes;
  bytes += Bytes({0x80, 3, 0, 2, 0, 0, 0, 7, 0, 0, 0, 1, 9, 9, 9});  // SYN_REPLY
  bytes += Bytes({0x80, 3, 0, 4, 0, 0, 0, 4, 0, 0, 0, 0});           // SETTINGS
  SpdyWriter::Data(bytes, 5, "hello", false);
  SpdyWriter::Data(bytes, 5, "", true);
  SpdyWriter::Ping(bytes, 7);
  bytes += Bytes({0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 5});  // RST_STREAM
  bytes += Bytes({0x80, 3, 0, 2, 1, 0, 0, 4, 0, 0, 0, 9});              // SYN_REPLY with FIN
  SpdyWriter::Data(bytes, 1, "bye", true);
  for (size_t at_a_time = 1; at_a_time <= bytes.size(); ++at_a_time) {
    SpdyReader reader;
    Seen seen;
    for (size_t at = 0; at < bytes.size(); at += at_a_time) {
      EXPECT_TRUE(reader.Put(std::string_view(bytes).substr(at, at_a_time), seen).ok());
    }
    EXPECT_THAT(seen.log, ElementsAre("reply 1", "data 5:hello!", "ping 7", "reset 3", "reply 9",
                                      "data 9:!", "data 1:bye!"));
  }
}

TEST(SpdyReader, RefusesWhatIsNoSpdy) {
  for (const std::string& bad :
       {std::string("\x80\x02\0\x02\0\0\0\x04\0\0\0\x01", 12),
        Bytes({0x80, 3, 0, 3, 0, 0, 0, 2, 0, 0}), std::string("\xffHTTP/1.1 400 Bad Request")}) {
    SpdyReader reader;
    Seen seen;
    EXPECT_TRUE(absl::IsInvalidArgument(reader.Put(bad, seen)));
    std::string more;
    SpdyWriter::Ping(more, 1);
    EXPECT_TRUE(reader.Put(more, seen).ok());
    EXPECT_THAT(seen.log, ElementsAre());
  }
}

}  // namespace
}  // namespace berth::http
