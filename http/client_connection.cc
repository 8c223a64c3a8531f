// SPDX-License-Identifier: Apache-2.0
#include "http/client_connection.h"

#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/status.h"
#include "http/tcp_options.h"
#include "http/tunnel_end.h"
#include "http/wire.h"

namespace berth::http {
namespace {

using Kind = IoResult::Kind;

std::string AddressText(const ClientOptions& options) {
  return options.host.starts_with('/') ? options.host
                                       : base::StrCat(options.host, ":", options.port);
}

}  // namespace

ClientConnection::ClientConnection(std::shared_ptr<ConnectionPool> pool, std::shared_ptr<Loop> loop,
                                   SslContext tls, std::string server_name)
    : pool_(std::move(pool)),
      loop_(std::move(loop)),
      tls_(std::move(tls)),
      server_name_(std::move(server_name)) {}

void ClientConnection::StartTimer(absl::Duration after, const char* what) {
  timer_->Start(after, [weak = weak_from_this(), what] {
    if (auto self = weak.lock()) self->Close(base::Unavailable(what));
  });
}

void ClientConnection::Run(std::shared_ptr<ClientCall> call) {
  if (closed_) {  // while the call was on its way here
    pool_->SendAgain(std::move(call));
    return;
  }
  call_ = std::move(call);
  written_ = 0;
  answer_began_ = false;
  head_told_ = false;
  parser_ = std::make_unique<ResponseParser>(
      call_->head, [sink = call_->sink](std::string_view data) { sink->Data(data); });
  if (ready_) {
    reused_ = true;
    return Send();
  }
  const ClientOptions& options = pool_->options();
  timer_.emplace(*loop_);
  StartTimer(options.connect_timeout, "connecting took too long");
  Resolve(*loop_, options.host, options.port,
          [self = shared_from_this()](Addresses found) { self->Connect(std::move(found)); });
}

void ClientConnection::Connect(Addresses addresses) {
  if (closed_) return;
  if (!addresses.ok()) return Close(addresses.status());
  addresses_ = *std::move(addresses);
  ConnectNext();
}

void ClientConnection::ConnectNext() {
  connecting_.reset();
  if (next_address_ == addresses_.size()) {
    return Close(base::Unavailable("connecting to ", AddressText(pool_->options()), ": ",
                                   connect_error_.empty() ? "no address" : connect_error_));
  }
  const SocketAddress& to = addresses_[next_address_++];
  Socket socket(::socket(to.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    connect_error_ = std::strerror(errno);
    return ConnectNext();
  }
  if (to.storage.ss_family != AF_UNIX) SetTcpOptions(socket.get());
  const int result =
      connect(socket.get(), reinterpret_cast<const sockaddr*>(&to.storage), to.length);
  const int error = errno;
  connecting_ = std::make_unique<Watched>(*loop_, std::move(socket));
  if (result == 0) return Connected();
  if (error != EINPROGRESS) {
    connect_error_ = std::strerror(error);
    return ConnectNext();
  }
  connecting_->WhenWritable([self = shared_from_this()] {
    int failure = 0;
    socklen_t size = sizeof failure;
    getsockopt(self->connecting_->fd(), SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure == 0) return self->Connected();
    self->connect_error_ = std::strerror(failure);
    self->ConnectNext();
  });
}

void ClientConnection::Connected() {
  SslPtr ssl;
  if (tls_ != nullptr) {
    auto session = NewClientSession(tls_, server_name_);
    if (!session.ok()) return Close(session.status());
    ssl = *std::move(session);
  }
  stream_ =
      std::make_unique<ByteStream>(*loop_, connecting_->Release(), std::move(ssl), server_name_);
  connecting_.reset();
  Handshake();
}

void ClientConnection::Handshake() {
  if (stream_ == nullptr) return;
  const IoResult result = stream_->Handshake();
  if (result.wants()) {
    stream_->When(result.kind, [self = shared_from_this()] { self->Handshake(); });
  } else if (result.kind == Kind::kBytes) {
    ready_ = true;
    Send();
  } else {
    Close(base::Unavailable("connecting to ", AddressText(pool_->options()), ": ", result.error));
  }
}

void ClientConnection::Send() {
  if (call_->idle != absl::InfiniteDuration()) {
    StartTimer(call_->idle, "nothing came for too long");
  } else {
    timer_->Cancel();
  }
  WriteMore();
  if (stream_ != nullptr) ReadMore();
}

void ClientConnection::WriteMore() {
  while (stream_ != nullptr && call_ != nullptr && written_ < call_->wire.size()) {
    const IoResult wrote = stream_->Write(std::string_view(call_->wire).substr(written_));
    if (wrote.kind == Kind::kBytes) {
      written_ += wrote.bytes;
    } else if (wrote.wants()) {
      stream_->When(wrote.kind, [self = shared_from_this()] { self->WriteMore(); });
      return;
    } else {
      // The server may have answered (413, say) before it stopped reading.
      if (!waits_to_read_) ReadMore();
      return;
    }
  }
}

void ClientConnection::ReadMore() {
  if (waits_to_read_) return;
  while (stream_ != nullptr) {
    if (call_ != nullptr && call_->paused()) return;  // Resume() comes
    const IoResult read = stream_->Read(loop_->scratch(), Loop::kScratchBytes);
    if (read.wants()) {
      waits_to_read_ = true;
      stream_->When(read.kind, [self = shared_from_this()] {
        self->waits_to_read_ = false;
        self->ReadMore();
      });
      return;
    }
    if (read.kind == Kind::kBytes) {
      if (call_ == nullptr) return Close(absl::OkStatus());  // nobody asked
      if (call_->idle != absl::InfiniteDuration()) {
        StartTimer(call_->idle, "nothing came for too long");
      }
      answer_began_ = true;
      in_.append(loop_->scratch(), read.bytes);
      if (!Parse()) return;
      continue;
    }
    if (call_ != nullptr && read.kind == Kind::kEnd && parser_->header_done() &&
        parser_->End().state == ParseState::kDone) {
      return AnswerComplete();
    }
    return Close(base::Unavailable(
        "connection to ", AddressText(pool_->options()),
        " broke: ", read.kind == Kind::kEnd ? std::string("closed by the server") : read.error));
  }
}

bool ClientConnection::Parse() {
  while (stream_ != nullptr && call_ != nullptr) {
    if (call_->cancelled()) {
      Close(absl::CancelledError("cancelled"));
      return false;
    }
    // The sink must hear of the head before the body: bytes behind the head wait for the next turn.
    const size_t head_end = head_told_ ? std::string::npos : in_.find("\r\n\r\n");
    const auto offered = head_end == std::string::npos
                             ? std::string_view(in_)
                             : std::string_view(in_).substr(0, head_end + 4);
    const ParseResult parsed = parser_->Put(offered);
    in_.erase(0, parsed.consumed);
    if (parsed.state != ParseState::kMore && parsed.state != ParseState::kDone) {
      Close(
          base::Unavailable("bad answer from ", AddressText(pool_->options()), ": ", parsed.error));
      return false;
    }
    if (parser_->header_done() && !head_told_) {
      HeadComplete();
      if (stream_ == nullptr || call_ == nullptr) return false;
      if (!head_told_) continue;  // an interim answer: the real one follows
    }
    if (parsed.state == ParseState::kDone) {
      AnswerComplete();
      return stream_ != nullptr && call_ == nullptr && !waits_to_read_;
    }
    if (parsed.consumed == 0 || in_.empty()) return true;
  }
  return false;
}

void ClientConnection::HeadComplete() {
  const int status = parser_->status();
  if (status == 101 && call_->upgrade) return HandOver();
  if (status < 200) {
    parser_ = std::make_unique<ResponseParser>(
        call_->head, [sink = call_->sink](std::string_view data) { sink->Data(data); });
    return;
  }
  head_told_ = true;
  call_->sink->Head(status, parser_->headers());
}

void ClientConnection::HandOver() {
  auto end = std::make_shared<TunnelEnd>();
  end->loop = loop_;
  end->received = std::move(in_);
  end->stream = std::move(stream_);
  const auto call = std::exchange(call_, nullptr);
  call->sink->Upgraded(std::move(parser_->headers()), std::make_unique<StreamTunnel>(end));
  call->sink->Done(absl::OkStatus());
  Close(absl::OkStatus());
}

void ClientConnection::AnswerComplete() {
  const auto call = std::exchange(call_, nullptr);
  const bool reusable = parser_->keep_alive() && in_.empty() && written_ == call->wire.size();
  parser_.reset();
  if (in_.capacity() > Loop::kScratchBytes) std::string().swap(in_);
  const auto self = shared_from_this();
  // Kept before the caller hears of the end, so that its next call finds the connection.
  const bool kept = reusable && pool_->Keep(self);
  if (kept) StartTimer(pool_->options().idle_timeout, "idle");
  call->sink->Done(absl::OkStatus());
  if (!kept) return Close(absl::OkStatus());
  ReadMore();
}

void ClientConnection::Close(absl::Status why) {
  if (closed_) return;
  const auto self = shared_from_this();
  closed_ = true;
  connecting_.reset();
  stream_.reset();
  timer_.reset();
  parser_.reset();
  pool_->Closed(self);
  const auto call = std::exchange(call_, nullptr);
  if (call == nullptr) return;
  if (reused_ && !answer_began_ && absl::IsUnavailable(why) && !call->cancelled()) {
    pool_->SendAgain(call);
    return;
  }
  call->sink->Done(std::move(why));
}

}  // namespace berth::http
