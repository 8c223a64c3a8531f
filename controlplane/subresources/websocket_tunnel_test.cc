// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/websocket_tunnel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::controlplane {
namespace {

// A client's frame with a mask of zeros.
std::string Frame(uint8_t first, std::string_view payload) {
  std::string out{static_cast<char>(first), static_cast<char>(0x80 | payload.size()), 0, 0, 0, 0};
  return out.append(payload);
}

http::Translator::Out Client(WebSocketTunnel& tunnel, std::string bytes) {
  http::Translator::Out out;
  tunnel.FromClient(bytes.data(), bytes.size(), out);
  return out;
}

TEST(WebSocketTunnel, BytesGoThroughWhateverTheMessages) {
  WebSocketTunnel tunnel;
  EXPECT_EQ(
      Client(tunnel, Frame(0x02, "ab") + Frame(0x80, "c") + Frame(0x82, "") + Frame(0x82, "de"))
          .to_server,
      "abcde");
  std::string data = "answer";
  http::Translator::Out out;
  tunnel.FromServer(data.data(), data.size(), out);
  EXPECT_EQ(out.to_client,
            "\x82\x06"
            "answer");
  EXPECT_FALSE(out.over);
}

TEST(WebSocketTunnel, TheEndsOfBothSidesAreTold) {
  WebSocketTunnel tunnel;
  http::Translator::Out out;
  tunnel.ServerEnded(out);
  EXPECT_EQ(out.to_client, "\x88\x02\x03\xe8");
  EXPECT_TRUE(out.over);
  WebSocketTunnel other;
  out = Client(other, Frame(0x82, "last") + Frame(0x88, "") + Frame(0x82, "late"));
  EXPECT_EQ(out.to_server, "last");
  EXPECT_EQ(out.to_client, std::string_view("\x88\0", 2));
  EXPECT_TRUE(out.over);
}

TEST(WebSocketTunnel, TextIsRefused) {
  WebSocketTunnel tunnel;
  const auto out = Client(tunnel, Frame(0x81, "text"));
  EXPECT_EQ(out.to_client, "\x88\x02\x03\xeb");
  EXPECT_EQ(out.to_server, "");
  EXPECT_TRUE(out.over);
}

TEST(WebSocketTunnel, OnlyTunnelsOfKubernetesAreMeant) {
  http::Request request;
  request.headers = {{"Connection", "Upgrade"},
                     {"Upgrade", "websocket"},
                     {"Sec-WebSocket-Protocol", "SPDY/3.1+portforward.k8s.io, v4.channel.k8s.io"},
                     {"Sec-WebSocket-Protocol", "SPDY/3.1+other"}};
  EXPECT_THAT(TunnelledProtocols(request), testing::ElementsAre("portforward.k8s.io"));
  request.headers.Set("Upgrade", "SPDY/3.1");
  EXPECT_THAT(TunnelledProtocols(request), testing::IsEmpty());
}

}  // namespace
}  // namespace berth::controlplane
