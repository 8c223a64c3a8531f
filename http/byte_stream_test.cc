// SPDX-License-Identifier: Apache-2.0
#include "http/byte_stream.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "http/listener.h"
#include "http/raw_peer_test.h"

namespace berth::http {
namespace {

TEST(ByteStream, APeersEndIsSeenBehindWhatIsUnread) {
  const Socket listener = OpenListener("127.0.0.1:0").value();
  auto peer = RawPeer::To(PortOf(listener).value());
  pollfd ready{listener.get(), POLLIN, 0};
  ASSERT_EQ(poll(&ready, 1, -1), 1);
  Loop loop;
  ByteStream stream(loop, Socket(accept(listener.get(), nullptr, nullptr)), nullptr);
  peer.Send("unread");
  EXPECT_FALSE(stream.PeerEnded());
  peer.EndSending();
  // The kernel's own time on loopback.
  for (int i = 0; i < 1000 && !stream.PeerEnded(); ++i) poll(nullptr, 0, 1);
  EXPECT_TRUE(stream.PeerEnded());
  char data[16];
  EXPECT_EQ(stream.Read(data, sizeof data).bytes, 6);
}

TEST(ByteStream, AnAbortIsHeardAtOnce) {
  const Socket listener = OpenListener("127.0.0.1:0").value();
  auto peer = RawPeer::To(PortOf(listener).value());
  pollfd ready{listener.get(), POLLIN, 0};
  ASSERT_EQ(poll(&ready, 1, -1), 1);
  Loop loop;
  auto stream =
      std::make_unique<ByteStream>(loop, Socket(accept(listener.get(), nullptr, nullptr)), nullptr);
  stream->AbortOnClose();
  stream.reset();
  EXPECT_FALSE(peer.ReadSome());
  EXPECT_EQ(errno, ECONNRESET);
}

}  // namespace
}  // namespace berth::http
