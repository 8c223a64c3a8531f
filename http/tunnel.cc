// SPDX-License-Identifier: Apache-2.0
#include "http/tunnel.h"

#include <array>
#include <utility>

#include "http/tunnel_end.h"

namespace berth::http {
namespace {

using Kind = IoResult::Kind;

constexpr absl::Duration kTimeForTheRest = absl::Seconds(10);

// Both ends on one loop. It lives as long as one of its streams waits.
class Copying : public std::enable_shared_from_this<Copying> {
 public:
  Copying(std::shared_ptr<TunnelEnd> client, std::shared_ptr<TunnelEnd> server)
      : ways_{Way{client, server}, Way{server, client}}, timer_(*client->loop) {}

  void Start() {
    // What had to go out or had come in before the splice goes first.
    for (Way& way : ways_) {
      way.pending = std::exchange(way.to->to_send, "") + std::exchange(way.from->received, "");
    }
    Look();
    for (size_t i = 0; i < ways_.size(); ++i) Step(i);
  }

 private:
  struct Way {
    std::shared_ptr<TunnelEnd> from;
    std::shared_ptr<TunnelEnd> to;
    std::string pending;  // read, and more than the other side takes for now
    bool read_all = false;
    bool drops = false;  // nobody takes it any more
    bool ended = false;
  };
  static constexpr size_t kUp = 0, kDown = 1;  // to the server, to the client

  void Wait(size_t index, ByteStream& on, Kind want) {
    on.When(want, [self = shared_from_this(), index] { self->Step(index); });
  }

  // False when the way waits or has failed.
  bool Send(size_t index, std::string_view data) {
    Way& way = ways_[index];
    while (!data.empty()) {
      const IoResult wrote = way.to->stream->Write(data);
      if (wrote.kind == Kind::kBytes) {
        data.remove_prefix(wrote.bytes);
        moved_ = true;
      } else if (wrote.wants()) {
        way.pending = std::string(data);
        Wait(index, *way.to->stream, wrote.kind);
        return false;
      } else if (index == kDown) {
        Close();
        return false;
      } else {
        // The server has gone and may have said why: a status, say. It is still read to its end,
        // and so is the client, who would get a reset otherwise and lose what is under way to it.
        way.drops = true;
        moved_ = true;
        return true;
      }
    }
    return true;
  }

  void EndWay(size_t index) {
    Way& way = ways_[index];
    if (!way.drops) {
      const IoResult shut = way.to->stream->ShutdownWrite();
      if (shut.wants()) return Wait(index, *way.to->stream, shut.kind);
      if (shut.kind == Kind::kError && index == kDown) return Close();
    }
    way.ended = true;
    if (ways_[kUp].ended && ways_[kDown].ended) return Close();
    moved_ = true;
  }

  // Looks now and then whether anybody is still there. When one side has ended, the other may say
  // the rest, but not stay for ever. A client that is not read because the server takes nothing
  // ends unseen.
  void Look() {
    timer_.Start(kTimeForTheRest, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self == nullptr || self->closed_) return;
      if (!std::exchange(self->moved_, false) && self->Abandoned()) {
        // The next one on the way does not read either: it would not see an end behind the data.
        const Way& up = self->ways_[kUp];
        if (!up.pending.empty()) up.to->stream->AbortOnClose();
        return self->Close();
      }
      self->Look();
    });
  }

  bool Abandoned() const {
    const Way &up = ways_[kUp], &down = ways_[kDown];
    if (!up.ended && !up.drops && !down.ended) {
      return !up.pending.empty() && up.from->stream->PeerEnded();
    }
    return up.pending.empty() && down.pending.empty() && up.to->stream->Unsent() == 0 &&
           down.to->stream->Unsent() == 0;
  }

  void Step(size_t index) {
    constexpr int kReadsInTurn = 16;  // then others of this loop have their turn
    Way& way = ways_[index];
    if (closed_ || way.ended) return;
    if (!Send(index, std::exchange(way.pending, ""))) return;
    char* scratch = way.from->loop->scratch();
    for (int i = 0; i < kReadsInTurn && !way.read_all; ++i) {
      const IoResult read = way.from->stream->Read(scratch, Loop::kScratchBytes);
      if (read.wants()) return Wait(index, *way.from->stream, read.kind);
      if (read.kind == Kind::kError && index == kUp) return Close();
      if (read.kind == Kind::kEnd || read.kind == Kind::kError) {
        way.read_all = true;
      } else if (!way.drops && !Send(index, {scratch, read.bytes})) {
        return;
      }
    }
    if (way.read_all) return EndWay(index);
    way.from->loop->Post([self = shared_from_this(), index] { self->Step(index); });
  }

  void Close() {
    closed_ = true;
    const auto self = shared_from_this();  // the streams' tasks hold the other references
    timer_.Cancel();
    ways_[0].from->stream.reset();
    ways_[0].to->stream.reset();
  }

  std::array<Way, 2> ways_;
  Timer timer_;
  bool moved_ = false;  // since the timer was started
  bool closed_ = false;
};

std::shared_ptr<TunnelEnd> TakeEnd(std::unique_ptr<Tunnel> tunnel) {
  auto* stream = dynamic_cast<StreamTunnel*>(tunnel.get());
  return stream != nullptr ? stream->Take() : nullptr;
}

// Moves `end`, which is on the loop of this thread, to `target` and goes on there.
void MoveTo(std::shared_ptr<TunnelEnd> end, const std::shared_ptr<Loop>& target, Loop::Task then) {
  if (end->stream == nullptr) return;
  auto parts = std::make_shared<ByteStream::Parts>(end->stream->Release());
  end->stream.reset();
  end->loop = target;
  target->Post([end = std::move(end), parts, then = std::move(then)]() mutable {
    end->stream =
        std::make_unique<ByteStream>(*end->loop, std::move(parts->socket), std::move(parts->ssl));
    then();
  });
}

}  // namespace

StreamTunnel::~StreamTunnel() {
  if (end_ == nullptr) return;
  const auto loop = end_->loop;
  loop->Post([end = std::move(end_)] { end->stream.reset(); });
}

void OnOneLoop(std::unique_ptr<Tunnel> a, std::unique_ptr<Tunnel> b, PairTask task) {
  const bool alone = b == nullptr;
  auto first = TakeEnd(std::move(a));
  auto second = TakeEnd(std::move(b));
  if (first == nullptr || (second == nullptr && !alone)) return;
  const auto loop = first->loop;
  auto start = [first, second, task = std::move(task)]() mutable {
    if (first->stream == nullptr || (second != nullptr && second->stream == nullptr)) {
      first->stream.reset();
      if (second != nullptr) second->stream.reset();
      return;
    }
    task(first, second);
  };
  if (alone || second->loop == loop) {
    loop->Post(std::move(start));
    return;
  }
  const auto other = second->loop;
  other->Post([first, second, loop, start = std::move(start)]() mutable {
    if (second->stream == nullptr) {
      loop->Post([first] { first->stream.reset(); });
      return;
    }
    MoveTo(second, loop, std::move(start));
  });
}

void Splice(std::unique_ptr<Tunnel> client, std::unique_ptr<Tunnel> server) {
  OnOneLoop(std::move(client), std::move(server),
            [](std::shared_ptr<TunnelEnd> first, std::shared_ptr<TunnelEnd> second) {
              std::make_shared<Copying>(std::move(first), std::move(second))->Start();
            });
}

}  // namespace berth::http
