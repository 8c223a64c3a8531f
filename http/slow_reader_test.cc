// SPDX-License-Identifier: Apache-2.0
// Streamed answers to readers who stop reading.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

#include "base/executor.h"
#include "http/client.h"
#include "http/raw_peer_test.h"
#include "http/server.h"

namespace berth::http {
namespace {

constexpr size_t kAll = 64 << 20;
constexpr size_t kMostQueued = 1 << 20;

// Writes everything, but no more at a time than may be queued.
class Source : public std::enable_shared_from_this<Source> {
 public:
  Source(std::shared_ptr<Exchange> exchange, std::atomic<size_t>& written)
      : exchange_(std::move(exchange)), written_(written) {}
  void Pump() {
    const std::string piece(64 << 10, 'x');
    while (written_ < kAll) {
      if (exchange_->queued_bytes() > kMostQueued) {
        exchange_->WhenDrained([self = shared_from_this()] { self->Pump(); });
        return;
      }
      if (!exchange_->Write(piece)) return;
      written_ += piece.size();
    }
    exchange_->Finish();
  }

 private:
  const std::shared_ptr<Exchange> exchange_;
  std::atomic<size_t>& written_;
};

class SlowReaderTest : public testing::Test {
 protected:
  SlowReaderTest() {
    ServerOptions options;
    options.idle_timeout = absl::Milliseconds(100);  // nobody here is idle
    server_ = MakeServer(io_, pool_, options, [this](std::shared_ptr<Exchange> exchange) {
                exchange->OnDisconnect([this] { gone_.set_value(); });
                exchange->Start(200, {});
                std::make_shared<Source>(std::move(exchange), written_)->Pump();
              }).value();
    port_ = server_->Listen("127.0.0.1:0").value();
  }

  std::atomic<size_t> written_ = 0;
  std::promise<void> gone_;
  IoContext io_;
  base::ThreadPool pool_{"handlers", 4};
  std::unique_ptr<Server> server_;
  int port_ = 0;
};

TEST_F(SlowReaderTest, APausedStreamHoldsTheServerBackUntilItGoesOn) {
  ClientOptions options;
  options.host = "127.0.0.1";
  options.port = port_;
  const auto client = MakeClient(io_, options).value();
  std::promise<Stream*> made;
  std::promise<absl::Status> done;
  size_t read = 0;
  StreamCallbacks callbacks;
  callbacks.data = [&, stream = made.get_future().share()](std::string_view data) {
    if (read == 0) stream.get()->SetPaused(true);
    read += data.size();
  };
  callbacks.done = [&done](absl::Status status) { done.set_value(std::move(status)); };
  const auto stream = client->DoStream({}, std::move(callbacks), absl::InfiniteDuration());
  made.set_value(stream.get());
  EXPECT_LT(AwaitStandstill(written_), kAll / 2);
  stream->SetPaused(false);
  EXPECT_TRUE(done.get_future().get().ok());
  EXPECT_EQ(read, kAll);
}

TEST_F(SlowReaderTest, AReaderMayPauseForLongerThanAConnectionMayIdle) {
  auto peer = RawPeer::To(port_);
  peer.Send("GET / HTTP/1.0\r\nHost: x\r\n\r\n");
  peer.ReadUntil("\r\n\r\n");
  EXPECT_LT(AwaitStandstill(written_), kAll / 2);
  EXPECT_EQ(peer.ReadAll().size(), kAll);
}

TEST_F(SlowReaderTest, AWriterThatWaitsHearsOfItsReadersEnd) {
  {
    auto peer = RawPeer::To(port_);
    peer.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    peer.ReadUntil("\r\n\r\n");
    EXPECT_LT(AwaitStandstill(written_), kAll / 2);
  }
  gone_.get_future().wait();
  EXPECT_LT(written_, kAll);
}

}  // namespace
}  // namespace berth::http
