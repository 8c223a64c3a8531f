// SPDX-License-Identifier: Apache-2.0
#include "http/translation.h"

#include <utility>

#include "http/tunnel_end.h"

namespace berth::http {
namespace {

using Kind = IoResult::Kind;

// Answers to pings and the like may wait besides what is passed on, up to this.
constexpr size_t kMostWaiting = 256 << 10;
// A client that has been told the end and has taken everything closes within this time.
constexpr absl::Duration kClosingTime = absl::Seconds(10);

// Both connections on one loop. It lives as long as one of them waits.
class Translation : public std::enable_shared_from_this<Translation> {
 public:
  Translation(std::shared_ptr<TunnelEnd> client, std::shared_ptr<TunnelEnd> server,
              std::unique_ptr<Translator> translator)
      : translator_(std::move(translator)),
        client_{std::move(client), "", 0},
        server_{std::move(server), "", 0},
        timer_(*client_.end->loop) {}

  void Start() {
    client_.out = std::exchange(client_.end->to_send, "");
    if (server_.end != nullptr) server_.out = std::exchange(server_.end->to_send, "");
    Told([&](Translator::Out& out) { translator_->Begin(out); });
    std::string early = std::exchange(client_.end->received, "");
    if (!early.empty()) {
      Told([&](Translator::Out& out) { translator_->FromClient(early.data(), early.size(), out); });
    }
    if (server_.end == nullptr) return EndServer();
    early = std::exchange(server_.end->received, "");
    if (!early.empty()) {
      Told([&](Translator::Out& out) { translator_->FromServer(early.data(), early.size(), out); });
    }
    Look();
    Turn();
  }

 private:
  struct Side {
    std::shared_ptr<TunnelEnd> end;
    std::string out;
    size_t done = 0;  // of `out`

    ByteStream* stream() const { return end == nullptr ? nullptr : end->stream.get(); }
    size_t waiting() const { return out.size() - done; }
  };

  template <class Call>
  void Told(Call call) {
    if (over_) return;
    Translator::Out out;
    call(out);
    client_.out += out.to_client;
    if (server_takes_) server_.out += out.to_server;
    over_ = out.over;
  }

  void Wait(ByteStream& on, Kind want) {
    on.When(want, [self = shared_from_this()] { self->Turn(); });
  }

  void Close() {
    const auto self = shared_from_this();  // the streams' tasks hold the other references
    timer_.Cancel();
    client_.end->stream.reset();
    if (server_.end != nullptr) server_.end->stream.reset();
  }

  // False when the connection broke.
  bool Flush(Side& side) {
    while (side.waiting() > 0) {
      const IoResult wrote = side.stream()->Write(std::string_view(side.out).substr(side.done));
      if (wrote.kind == Kind::kBytes) {
        side.done += wrote.bytes;
      } else if (wrote.wants()) {
        Wait(*side.stream(), wrote.kind);
        return true;
      } else {
        return false;
      }
    }
    side.out.clear();
    side.done = 0;
    return true;
  }

  // How the read went; what came has been translated.
  Kind Read(Side& side, bool of_client) {
    char* scratch = client_.end->loop->scratch();
    const IoResult read = side.stream()->Read(scratch, Loop::kScratchBytes);
    if (read.wants()) Wait(*side.stream(), read.kind);
    if (read.kind == Kind::kBytes) {
      Told([&](Translator::Out& out) {
        of_client ? translator_->FromClient(scratch, read.bytes, out)
                  : translator_->FromServer(scratch, read.bytes, out);
      });
    }
    return read.kind;
  }

  void EndServer() {
    if (server_.end != nullptr) server_.end->stream.reset();
    server_.out.clear();
    server_.done = 0;
    Told([&](Translator::Out& out) { translator_->ServerEnded(out); });
    server_.out.clear();
    over_ = true;
    Turn();
  }

  void Turn() {
    constexpr int kReadsInTurn = 16;  // then others of this loop have their turn
    const auto self = shared_from_this();
    for (int i = 0; i < kReadsInTurn; ++i) {
      if (client_.stream() == nullptr) return;
      if (!Flush(client_)) return Close();
      if (over_) return Finish();
      if (!Flush(server_)) {
        // It has gone and may have said why: what it said is still read.
        server_.out.clear();
        server_.done = 0;
        server_takes_ = false;
      }
      bool progress = false;
      if (server_.waiting() == 0 && client_.waiting() < kMostWaiting &&
          translator_->TakesFromClient()) {
        const Kind read = Read(client_, /*of_client=*/true);
        if (read == Kind::kEnd || read == Kind::kError) return Close();
        progress = read == Kind::kBytes;
      }
      if (client_.waiting() == 0 && server_.waiting() < kMostWaiting && !over_) {
        const Kind read = Read(server_, /*of_client=*/false);
        if (read == Kind::kEnd || read == Kind::kError) return EndServer();
        progress = progress || read == Kind::kBytes;
      }
      if (!progress) return;  // one of them is waited for
    }
    client_.end->loop->Post([self] { self->Turn(); });
  }

  // A client that is not read because the server takes nothing ends unseen.
  void Look() {
    timer_.Start(kClosingTime, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr || self->client_.stream() == nullptr || self->over_) return;
      if (self->server_.waiting() > 0 && self->client_.stream()->PeerEnded()) {
        // The next one on the way does not read either: it would not see an end behind the data.
        self->server_.stream()->AbortOnClose();
        return self->Close();
      }
      self->Look();
    });
  }

  // The rest goes to the client, which then closes.
  void Finish() {
    if (server_.end != nullptr) server_.end->stream.reset();
    if (client_.waiting() > 0) return;  // Flush waits
    if (!std::exchange(shut_, true)) {
      const IoResult shut = client_.stream()->ShutdownWrite();
      if (shut.wants()) {
        shut_ = false;
        return Wait(*client_.stream(), shut.kind);
      }
      if (shut.kind == Kind::kError) return Close();
      Linger();
    }
    while (true) {
      const IoResult read =
          client_.stream()->Read(client_.end->loop->scratch(), Loop::kScratchBytes);
      if (read.wants()) return Wait(*client_.stream(), read.kind);
      if (read.kind != Kind::kBytes) return Close();
    }
  }

  // Closing while the kernel still has something to send may lose it: a client that keeps sending
  // would get a reset.
  void Linger() {
    timer_.Start(kClosingTime, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr || self->client_.stream() == nullptr) return;
      if (self->client_.stream()->Unsent() > 0) return self->Linger();
      self->Close();
    });
  }

  const std::unique_ptr<Translator> translator_;
  Side client_;
  Side server_;
  Timer timer_;
  bool server_takes_ = true;
  bool over_ = false;
  bool shut_ = false;
};

}  // namespace

void Translate(std::unique_ptr<Tunnel> client, std::unique_ptr<Tunnel> server,
               std::unique_ptr<Translator> translator) {
  auto shared = std::make_shared<std::unique_ptr<Translator>>(std::move(translator));
  OnOneLoop(
      std::move(client), std::move(server),
      [shared](std::shared_ptr<TunnelEnd> a, std::shared_ptr<TunnelEnd> b) {
        std::make_shared<Translation>(std::move(a), std::move(b), std::move(*shared))->Start();
      });
}

}  // namespace berth::http
