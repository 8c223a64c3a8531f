// SPDX-License-Identifier: Apache-2.0
#include "http/server_connection.h"

#include <utility>

#include "base/log.h"
#include "base/strings.h"
#include "http/exchange.h"
#include "http/wire.h"

namespace berth::http {
namespace {

using Kind = IoResult::Kind;

// Taken from a peer that sends on while its request is being handled; then TCP holds it back.
constexpr size_t kReadAheadBytes = 64 << 10;
constexpr size_t kKeptCapacity = 16 << 10;
constexpr absl::Duration kDrainTime = absl::Seconds(2);

}  // namespace

ServerConnection::ServerConnection(std::shared_ptr<ConnectionOwner> owner,
                                   std::shared_ptr<Loop> loop, std::unique_ptr<ByteStream> stream,
                                   std::string remote_address)
    : owner_(std::move(owner)),
      loop_(std::move(loop)),
      remote_address_(std::move(remote_address)),
      stream_(std::move(stream)),
      timer_(std::in_place, *loop_) {}

void ServerConnection::StartTimer(absl::Duration after) {
  timer_->Start(after, [weak = weak_from_this()] {
    if (auto self = weak.lock()) self->Close();
  });
}

void ServerConnection::Start() {
  StartTimer(owner_->options().header_timeout);
  Handshake();
}

void ServerConnection::Handshake() {
  if (state_ != State::kHandshake) return;
  const IoResult result = stream_->Handshake();
  if (result.wants()) {
    stream_->When(result.kind, [self = shared_from_this()] { self->Handshake(); });
  } else if (result.kind == Kind::kBytes) {
    peer_ = stream_->Peer();
    state_ = State::kReading;
    ReadMore();
  } else {
    BERTH_DEBUG("connection refused", {"from", remote_address_}, {"why", result.error});
    Close();
  }
}

void ServerConnection::Close() {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  stream_.reset();
  timer_.reset();
  parser_.reset();
  if (const auto answer = std::exchange(answer_, nullptr)) answer->Gone();
  owner_->Closed(self);
}

void ServerConnection::ReadMore() {
  if (waits_to_read_) return;
  while (stream_ != nullptr) {
    if (state_ == State::kHandling && in_.size() >= kReadAheadBytes) return;
    const IoResult read = stream_->Read(loop_->scratch(), Loop::kScratchBytes);
    if (read.wants()) {
      waits_to_read_ = true;
      stream_->When(read.kind, [self = shared_from_this()] {
        self->waits_to_read_ = false;
        self->ReadMore();
      });
      return;
    }
    if (read.kind != Kind::kBytes) {
      Close();
    } else if (answer_ != nullptr && answer_->takes_input()) {
      answer_->Input(loop_->scratch(), read.bytes);
    } else if (state_ == State::kReading || state_ == State::kHandling) {
      in_.append(loop_->scratch(), read.bytes);
      Advance();
    }
  }
}

// Makes the most of what has come in.
void ServerConnection::Advance() {
  const ServerOptions& options = owner_->options();
  while (state_ == State::kReading && !in_.empty()) {
    if (parser_ == nullptr) {
      parser_ = std::make_unique<RequestParser>(options.max_header_bytes, options.max_body_bytes);
      continue_sent_ = false;
      StartTimer(options.header_timeout);
    }
    const ParseResult parsed = parser_->Put(in_);
    in_.erase(0, parsed.consumed);
    switch (parsed.state) {
      case ParseState::kDone:
        return Dispatch();
      case ParseState::kHeaderTooLarge:
        return Reject(431, "the request's header is too large\n");
      case ParseState::kBodyTooLarge:
        return Reject(413, "the request's body is too large\n");
      case ParseState::kBad:
        return Reject(400, base::StrCat("bad request: ", parsed.error, "\n"));
      case ParseState::kMore:
        break;
    }
    if (!parser_->header_done()) return;
    StartTimer(options.idle_timeout);
    if (!continue_sent_ && HasToken(parser_->headers().Get("Expect"), "100-continue")) {
      continue_sent_ = true;
      out_.append("HTTP/1.1 100 Continue\r\n\r\n");
      Flush();
    }
    if (parsed.consumed == 0) return;
  }
}

void ServerConnection::Dispatch() {
  state_ = State::kHandling;
  timer_->Cancel();
  keep_alive_ = parser_->keep_alive();
  answer_ends_ = false;
  answer_ = std::make_shared<Answer>(loop_, weak_from_this());
  SocketExchange::Facts facts{peer_, remote_address_, parser_->http10(), keep_alive_};
  auto exchange =
      std::make_shared<SocketExchange>(answer_, std::move(parser_->request()), std::move(facts));
  parser_.reset();
  if (in_.empty() && in_.capacity() > kKeptCapacity) std::string().swap(in_);
  owner_->Handle(std::move(exchange));
}

void ServerConnection::Reject(int status, std::string_view why) {
  state_ = State::kClosing;
  in_.clear();
  parser_.reset();
  Headers headers{{"Content-Type", "text/plain; charset=utf-8"}, {"Connection", "close"}};
  headers.Set("Content-Length", base::StrCat(why.size()));
  out_.append(ResponseHead(status, headers)).append(why);
  Flush();
}

void ServerConnection::Flush() {
  while (stream_ != nullptr) {
    if (out_done_ == out_.size()) {
      out_.clear();
      out_done_ = 0;
      if (out_.capacity() > kKeptCapacity) std::string().swap(out_);
      if (answer_ != nullptr) answer_ends_ = answer_->Take(out_);
      if (out_.empty()) {
        if (answer_ != nullptr && answer_ends_) return AnswerSent();
        if (state_ == State::kClosing) return Drain();
        if (state_ == State::kHandling) timer_->Cancel();
        return;
      }
    }
    const IoResult wrote = stream_->Write(std::string_view(out_).substr(out_done_));
    if (wrote.kind == Kind::kBytes) {
      out_done_ += wrote.bytes;
      if (answer_ != nullptr) answer_->Sent(wrote.bytes);
    } else if (wrote.wants()) {
      // A peer that takes nothing for so long counts as gone. But who reads a log or a watch may
      // pause: the writer sees what is queued, and keepalives find who is lost.
      const bool may_pause = answer_ != nullptr && answer_->in_pieces();
      StartTimer(may_pause ? absl::InfiniteDuration() : owner_->options().idle_timeout);
      stream_->When(wrote.kind, [self = shared_from_this()] { self->Flush(); });
      return;
    } else {
      return Close();
    }
  }
}

void ServerConnection::AnswerSent() {
  const auto answer = std::exchange(answer_, nullptr);
  answer->Complete();
  if (!keep_alive_ || answer->close_after()) return Drain();
  state_ = State::kReading;
  StartTimer(owner_->options().idle_timeout);
  Advance();
  ReadMore();
}

// The peer must be able to read the answer even when it still sends: closing at once would reset.
void ServerConnection::Drain() {
  state_ = State::kDraining;
  in_.clear();
  stream_->ShutdownWrite();
  StartTimer(kDrainTime);
  ReadMore();
}

void ServerConnection::InputWanted() {
  if (state_ != State::kHandling || stream_ == nullptr) return;
  std::string early = std::exchange(in_, "");
  if (!early.empty()) answer_->Input(early.data(), early.size());
  ReadMore();
}

void ServerConnection::GiveAway(const std::shared_ptr<TunnelEnd>& end) {
  if (state_ != State::kHandling || stream_ == nullptr) return;
  end->to_send.insert(0, std::string_view(out_).substr(out_done_));
  end->received = std::move(in_);
  end->stream = std::move(stream_);
  answer_->Complete();
  answer_.reset();
  Close();
}

}  // namespace berth::http
