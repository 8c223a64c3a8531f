// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/channel_translator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kMask = "\x01\x02\x03\x04";
constexpr std::string_view kSuccess = R"({"metadata":{},"status":"Success"})";

// A client's frame, of fewer than 126 bytes.
std::string Frame(uint8_t first, std::string_view payload) {
  std::string out{static_cast<char>(first), static_cast<char>(0x80 | payload.size())};
  out += kMask;
  for (size_t i = 0; i < payload.size(); ++i) {
    out.push_back(static_cast<char>(payload[i] ^ kMask[i & 3]));
  }
  return out;
}

std::string OnChannel(int channel, std::string_view data) {
  return Frame(0x82, std::string(1, static_cast<char>(channel)).append(data));
}

std::string Answer(int channel, std::string_view data) {
  std::string out;
  http::AppendWebSocketFrame(out, http::WebSocketOpcode::kBinary, data,
                             std::string(1, static_cast<char>(channel)));
  return out;
}

std::string Closed(int code) {
  std::string out;
  http::AppendWebSocketClose(out, static_cast<http::WebSocketClose>(code));
  return out;
}

std::string Reply(uint32_t stream) {
  std::string out("\x80\x03\0\x02\0\0\0\x04\0\0\0", 11);
  return out += static_cast<char>(stream);
}

std::string Reset(uint32_t stream) {
  std::string out("\x80\x03\0\x03\0\0\0\x08\0\0\0", 11);
  out += static_cast<char>(stream);
  return out += std::string("\0\0\0\x05", 4);
}

std::string Data(uint32_t stream, std::string_view data, bool fin = false) {
  std::string out;
  http::SpdyWriter::Data(out, stream, data, fin);
  return out;
}

class ChannelTranslatorTest : public testing::Test {
 protected:
  using Out = http::Translator::Out;

  ChannelTranslator& Make(const WantedStreams& wanted, absl::Status failure = absl::OkStatus()) {
    translator_.emplace(wanted, std::move(failure));
    Out out;
    translator_->Begin(out);
    opening_ = out.to_server;
    hello_ = out.to_client;
    return *translator_;
  }
  // With every stream accepted: error 1, then what is wanted.
  void Open(const WantedStreams& wanted) {
    Make(wanted);
    for (uint32_t stream = 1; stream <= 9; stream += 2) Server(Reply(stream));
  }
  Out Client(std::string bytes) {
    Out out;
    translator_->FromClient(bytes.data(), bytes.size(), out);
    return out;
  }
  Out Server(std::string bytes) {
    Out out;
    translator_->FromServer(bytes.data(), bytes.size(), out);
    return out;
  }
  Out Ended() {
    Out out;
    translator_->ServerEnded(out);
    return out;
  }

  std::optional<ChannelTranslator> translator_;
  std::string opening_;
  std::string hello_;
};

TEST_F(ChannelTranslatorTest, OpensTheStreamsThatAreWanted) {
  const struct {
    WantedStreams wanted;
    std::vector<std::string> types;
    int hello;
  } cases[] = {
      {{.in = true, .out = true, .err = true}, {"error", "stdin", "stdout", "stderr"}, 1},
      {{.in = true, .out = true, .err = true, .tty = true},
       {"error", "stdin", "stdout", "resize"},
       1},
      {{.err = true}, {"error", "stderr"}, 2},
      {{.in = true}, {"error", "stdin"}, 3},
  };
  for (const auto& c : cases) {
    Make(c.wanted);
    std::string expected;
    http::SpdyWriter writer;
    uint32_t id = 1;
    for (const std::string& type : c.types) {
      writer.SynStream(expected, id, {{"streamtype", type}});
      id += 2;
    }
    EXPECT_EQ(opening_, expected);
    EXPECT_EQ(hello_, Answer(c.hello, ""));
  }
}

TEST_F(ChannelTranslatorTest, InputWaitsUntilTheStreamsAreAccepted) {
  Make({.in = true, .out = true});
  EXPECT_TRUE(translator_->TakesFromClient());
  EXPECT_THAT(Client(OnChannel(0, "early")).to_server, IsEmpty());
  EXPECT_FALSE(translator_->TakesFromClient());
  EXPECT_THAT(Server(Reply(1) + Reply(3)).to_server, IsEmpty());
  EXPECT_EQ(Server(Reply(5)).to_server, Data(3, "early"));
  EXPECT_TRUE(translator_->TakesFromClient());
  EXPECT_EQ(Client(OnChannel(0, "later")).to_server, Data(3, "later"));
}

TEST_F(ChannelTranslatorTest, InputEndsAndOutputGoesOn) {
  Open({.in = true, .out = true, .err = true});
  EXPECT_EQ(Client(Frame(0x02, std::string("\0ab", 3)) + Frame(0x80, "cd")).to_server,
            Data(3, "ab") + Data(3, "cd"));
  EXPECT_EQ(Client(OnChannel(255, std::string(1, '\0'))).to_server, Data(3, "", /*fin=*/true));
  EXPECT_THAT(Client(OnChannel(0, "late") + OnChannel(255, std::string(1, '\0'))).to_server,
              IsEmpty());
  EXPECT_EQ(Server(Data(5, "out") + Data(7, "err")).to_client, Answer(1, "out") + Answer(2, "err"));
}

TEST_F(ChannelTranslatorTest, SizesGoToATerminalOnly) {
  const std::string size = R"({"Width":80,"Height":24})";
  Open({.in = true, .out = true, .tty = true});
  EXPECT_EQ(Client(OnChannel(4, size)).to_server, Data(7, size));
  Open({.in = true, .out = true});
  EXPECT_THAT(Client(OnChannel(4, size)).to_server, IsEmpty());
}

TEST_F(ChannelTranslatorTest, WhatNobodyWantedIsDropped) {
  Open({.out = true});
  const Out out = Client(OnChannel(0, "x") + OnChannel(1, "x") + OnChannel(7, "x") +
                         Frame(0x82, "") + OnChannel(255, std::string(1, '\0')));
  EXPECT_THAT(out.to_server, IsEmpty());
  EXPECT_THAT(out.to_client, IsEmpty());
  EXPECT_FALSE(out.over);
}

TEST_F(ChannelTranslatorTest, TheStatusComesLastAndThenTheEnd) {
  Open({.out = true});
  EXPECT_THAT(Server(Data(1, kSuccess, /*fin=*/true)).to_client, IsEmpty());
  EXPECT_EQ(Server(Data(3, "rest")).to_client, Answer(1, "rest"));
  const Out out = Server(Reset(3));
  EXPECT_EQ(out.to_client, Answer(3, kSuccess) + Closed(1000));
  EXPECT_TRUE(out.over);
}

TEST_F(ChannelTranslatorTest, TheConnectionsEndEndsStreamsToo) {
  Open({.out = true});
  Server(Data(1, kSuccess));
  const Out out = Ended();
  EXPECT_EQ(out.to_client, Answer(3, kSuccess) + Closed(1000));
  EXPECT_TRUE(out.over);
}

TEST_F(ChannelTranslatorTest, AConnectionThatBreaksIsNoSuccess) {
  Open({.out = true});
  Server(Data(3, "half"));
  const Out out = Ended();
  EXPECT_THAT(out.to_client, HasSubstr(R"("status":"Failure")"));
  EXPECT_THAT(out.to_client, HasSubstr(R"("reason":"InternalError")"));
  EXPECT_THAT(out.to_client, EndsWith(Closed(1000)));
}

TEST_F(ChannelTranslatorTest, AFailureBehindIsToldOnTheErrorChannel) {
  Make({.out = true}, base::Unavailable("unable to upgrade connection: container not found"));
  EXPECT_THAT(
      Ended().to_client,
      HasSubstr("Internal error occurred: unable to upgrade connection: container not found"));
}

TEST_F(ChannelTranslatorTest, PingsAreAnsweredOnBothSides) {
  Open({.out = true});
  std::string pong;
  http::AppendWebSocketFrame(pong, http::WebSocketOpcode::kPong, "there?");
  EXPECT_EQ(Client(Frame(0x89, "there?")).to_client, pong);
  std::string ping, own;
  http::SpdyWriter::Ping(ping, 2);
  http::SpdyWriter::Ping(own, 3);
  EXPECT_EQ(Server(ping + own).to_server, ping);
}

TEST_F(ChannelTranslatorTest, ACloseIsAnsweredAndEndsEverything) {
  Open({.in = true, .out = true});
  const Out out = Client(Frame(0x88, "\x03\xe8") + OnChannel(0, "late"));
  EXPECT_EQ(out.to_client, Closed(1000));
  EXPECT_TRUE(out.over);
  EXPECT_THAT(out.to_server, IsEmpty());
}

TEST_F(ChannelTranslatorTest, BrokenProtocolsEndIt) {
  const std::pair<std::string, int> bad[] = {
      {OnChannel(255, ""), 1002},                                        // closes nothing
      {OnChannel(255, "\1\2"), 1002},                                    // or too much
      {OnChannel(255, "\5"), 1002},                                      // or what is none
      {Frame(0xf2, "x"), 1002},       {std::string("\x82\x01x"), 1002},  // unmasked
  };
  for (const auto& [bytes, code] : bad) {
    Open({.in = true, .out = true});
    const Out out = Client(bytes);
    EXPECT_EQ(out.to_client, Closed(code)) << testing::PrintToString(bytes);
    EXPECT_TRUE(out.over);
  }
  Open({.out = true});
  const Out out = Server("HTTP/1.1 200 OK\r\n\r\n\x80\x09 this is no SPDY");
  EXPECT_FALSE(out.over);  // so far a long frame of a stream that is not ours
  Open({.out = true});
  EXPECT_THAT(Server("\x80\x09 this is no SPDY").to_client, HasSubstr("this is not SPDY/3"));
}

}  // namespace
}  // namespace berth::controlplane
