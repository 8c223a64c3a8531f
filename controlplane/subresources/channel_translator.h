// SPDX-License-Identifier: Apache-2.0
// exec and attach: a client's WebSocket of v5.channel.k8s.io here, SPDY streams of
// v4.channel.k8s.io to the kubelet there. A message's first byte is its channel; channel 255 closes
// another one. The client stops being read while the kubelet cannot take more, and the other way
// round.
#ifndef BERTH_CONTROLPLANE_SUBRESOURCES_CHANNEL_TRANSLATOR_H_
#define BERTH_CONTROLPLANE_SUBRESOURCES_CHANNEL_TRANSLATOR_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "http/spdy.h"
#include "http/translation.h"
#include "http/websocket.h"

namespace berth::controlplane {

inline constexpr std::string_view kChannelsV5 = "v5.channel.k8s.io";
inline constexpr std::string_view kStreamsV4 = "v4.channel.k8s.io";

struct WantedStreams {
  bool in = false;
  bool out = false;
  bool err = false;
  bool tty = false;  // then there is no `err`, but sizes
};

class ChannelTranslator : public http::Translator,
                          private http::WebSocketReader::Sink,
                          private http::SpdyReader::Sink {
 public:
  // `failure`: why there is no kubelet to speak to; the client is told on its error channel.
  explicit ChannelTranslator(const WantedStreams& wanted, absl::Status failure = absl::OkStatus());

  void Begin(Out& out) override;
  void FromClient(char* data, size_t size, Out& out) override;
  void FromServer(char* data, size_t size, Out& out) override;
  void ServerEnded(Out& out) override;
  bool TakesFromClient() const override { return early_.empty(); }

 private:
  enum Channel : uint8_t { kIn = 0, kOut = 1, kErr = 2, kStatus = 3, kResize = 4, kChannels = 5 };
  struct Stream {
    uint32_t id = 0;  // 0: not opened
    bool replied = false;
    bool we_ended = false;
    bool peer_ended = false;
  };

  void OnMessage(const http::WebSocketReader::Piece& piece) override;
  void OnPing(std::string_view payload) override;
  void OnClose(http::WebSocketClose code) override;
  void OnReply(uint32_t stream) override;
  void OnData(uint32_t stream, std::string_view data, bool fin) override;
  void OnReset(uint32_t stream) override;
  void OnPing(uint32_t id) override;

  bool Ready() const;  // the kubelet has accepted every stream
  Channel ChannelOf(uint32_t stream) const;
  void EndIn(Channel channel);
  void FinishWhenComplete();
  // The status, a close frame, and nothing more.
  void Finish(std::string_view status);
  void Fail(const absl::Status& why);
  void CloseClient(http::WebSocketClose code);

  const WantedStreams wanted_;
  const absl::Status failure_;
  http::WebSocketReader client_;
  http::SpdyReader server_;
  http::SpdyWriter writer_;
  std::array<Stream, kChannels> streams_;
  std::string early_;    // of the client, from before the kubelet was ready
  std::string status_;   // what the kubelet says on its error stream
  uint8_t channel_ = 0;  // of the message that is being read
  std::string closing_;  // the content of a message on channel 255
  Out* out_ = nullptr;   // during a call
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SUBRESOURCES_CHANNEL_TRANSLATOR_H_
