// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/channel_translator.h"

#include <algorithm>
#include <utility>

#include "api/codec.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"
#include "controlplane/apiserver/api_error.h"

namespace berth::controlplane {
namespace {

using http::WebSocketClose;
using http::WebSocketOpcode;

constexpr uint8_t kCloseChannel = 255;
constexpr size_t kMaxStatusBytes = 64 << 10;

void AppendMessage(std::string& out, uint8_t channel, std::string_view data) {
  const char first = static_cast<char>(channel);
  http::AppendWebSocketFrame(out, WebSocketOpcode::kBinary, data, {&first, 1});
}

}  // namespace

ChannelTranslator::ChannelTranslator(const WantedStreams& wanted, absl::Status failure)
    : wanted_(wanted), failure_(std::move(failure)) {}

void ChannelTranslator::Begin(Out& out) {
  // An empty message tells the client that it is connected.
  const Channel lowest = wanted_.out ? kOut : wanted_.err ? kErr : kStatus;
  AppendMessage(out.to_client, lowest, "");
  uint32_t next = 1;
  const auto open = [&](Channel channel, std::string_view type) {
    streams_[channel].id = next;
    writer_.SynStream(out.to_server, next, {{"streamtype", type}});
    next += 2;
  };
  open(kStatus, "error");
  if (wanted_.in) open(kIn, "stdin");
  if (wanted_.out) open(kOut, "stdout");
  if (wanted_.err && !wanted_.tty) open(kErr, "stderr");
  if (wanted_.tty) open(kResize, "resize");
}

bool ChannelTranslator::Ready() const {
  return std::all_of(streams_.begin(), streams_.end(),
                     [](const Stream& stream) { return stream.id == 0 || stream.replied; });
}

void ChannelTranslator::FromClient(char* data, size_t size, Out& out) {
  // A kubelet drops what comes on a stream that it has not accepted yet.
  if (!Ready()) {
    early_.append(data, size);
    return;
  }
  out_ = &out;
  const WebSocketClose code = client_.Put(data, size, *this);
  if (code != WebSocketClose::kNone) CloseClient(code);
}

void ChannelTranslator::FromServer(char* data, size_t size, Out& out) {
  out_ = &out;
  const absl::Status read = server_.Put({data, size}, *this);
  if (!read.ok()) return Fail(read);
  if (early_.empty() || !Ready() || out.over) return;
  std::string early = std::exchange(early_, "");
  FromClient(early.data(), early.size(), out);
}

void ChannelTranslator::ServerEnded(Out& out) {
  out_ = &out;
  if (!failure_.ok()) return Fail(failure_);
  if (status_.empty()) {
    return Fail(base::Unavailable("the connection to the node ended before the command did"));
  }
  Finish(status_);
}

void ChannelTranslator::OnMessage(const http::WebSocketReader::Piece& piece) {
  std::string_view data = piece.data;
  if (out_->over || (piece.begins && data.empty())) return;
  if (piece.begins) {
    channel_ = static_cast<uint8_t>(data.front());
    data.remove_prefix(1);
    closing_.clear();
  }
  if (channel_ == kCloseChannel) {
    closing_ += data.substr(0, 2);
    if (!piece.ends) return;
    if (closing_.size() != 1 || static_cast<uint8_t>(closing_[0]) >= kChannels) {
      return CloseClient(WebSocketClose::kProtocolError);
    }
    return EndIn(static_cast<Channel>(closing_[0]));
  }
  if (channel_ != kIn && channel_ != kResize) return;
  const Stream& stream = streams_[channel_];
  if (stream.id == 0 || stream.we_ended || data.empty()) return;
  http::SpdyWriter::Data(out_->to_server, stream.id, data, /*fin=*/false);
}

void ChannelTranslator::EndIn(Channel channel) {
  Stream& stream = streams_[channel];
  if (channel != kIn || stream.id == 0 || std::exchange(stream.we_ended, true)) return;
  http::SpdyWriter::Data(out_->to_server, stream.id, "", /*fin=*/true);
}

void ChannelTranslator::OnPing(std::string_view payload) {
  http::AppendWebSocketFrame(out_->to_client, WebSocketOpcode::kPong, payload);
}

void ChannelTranslator::OnClose(WebSocketClose code) { CloseClient(code); }

void ChannelTranslator::CloseClient(WebSocketClose code) {
  if (std::exchange(out_->over, true)) return;
  http::AppendWebSocketClose(out_->to_client, code);
}

ChannelTranslator::Channel ChannelTranslator::ChannelOf(uint32_t stream) const {
  uint8_t channel = 0;
  while (channel < kChannels && (streams_[channel].id == 0 || streams_[channel].id != stream)) {
    ++channel;
  }
  return static_cast<Channel>(channel);
}

void ChannelTranslator::OnReply(uint32_t stream) {
  if (const Channel channel = ChannelOf(stream); channel != kChannels) {
    streams_[channel].replied = true;
  }
}

void ChannelTranslator::OnData(uint32_t stream, std::string_view data, bool fin) {
  const Channel channel = ChannelOf(stream);
  if (channel == kChannels || out_->over || streams_[channel].peer_ended) return;
  if (channel == kStatus) {
    status_ += data.substr(0, kMaxStatusBytes - std::min(kMaxStatusBytes, status_.size()));
  } else if ((channel == kOut || channel == kErr) && !data.empty()) {
    AppendMessage(out_->to_client, channel, data);
  }
  if (fin) OnReset(stream);
}

void ChannelTranslator::OnReset(uint32_t stream) {
  const Channel channel = ChannelOf(stream);
  if (channel == kChannels) return;
  streams_[channel].replied = streams_[channel].peer_ended = true;
  FinishWhenComplete();
}

void ChannelTranslator::OnPing(uint32_t id) {
  // Those with an even number are the server's; an odd one would be an answer.
  if (id % 2 == 0) http::SpdyWriter::Ping(out_->to_server, id);
}

void ChannelTranslator::FinishWhenComplete() {
  if (status_.empty()) return;  // the connection's end decides
  for (const Channel channel : {kOut, kErr, kStatus}) {
    if (streams_[channel].id != 0 && !streams_[channel].peer_ended) return;
  }
  Finish(status_);
}

void ChannelTranslator::Finish(std::string_view status) {
  if (out_->over) return;
  AppendMessage(out_->to_client, kStatus, status);
  CloseClient(WebSocketClose::kNormal);
}

void ChannelTranslator::Fail(const absl::Status& why) {
  Finish(api::EncodeJson(ToApiStatus(InternalError(base::Message(why)))));
}

}  // namespace berth::controlplane
