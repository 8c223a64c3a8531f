// SPDX-License-Identifier: Apache-2.0
// port-forward: a client's WebSocket whose binary messages carry the bytes of a SPDY connection,
// and the connection itself to the kubelet. Where a message begins or ends means nothing.
#ifndef BERTH_CONTROLPLANE_SUBRESOURCES_WEBSOCKET_TUNNEL_H_
#define BERTH_CONTROLPLANE_SUBRESOURCES_WEBSOCKET_TUNNEL_H_

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/translation.h"
#include "http/websocket.h"

namespace berth::controlplane {

// What stands before the name of the SPDY protocol in the WebSocket's:
// "SPDY/3.1+portforward.k8s.io".
inline constexpr std::string_view kTunnelPrefix = "SPDY/3.1+";

// The SPDY protocols that a client offers to tunnel, in its order.
std::vector<std::string> TunnelledProtocols(const http::Request& request);

class WebSocketTunnel : public http::Translator, private http::WebSocketReader::Sink {
 public:
  void Begin(Out&) override {}
  void FromClient(char* data, size_t size, Out& out) override;
  void FromServer(char* data, size_t size, Out& out) override;
  void ServerEnded(Out& out) override;

 private:
  void OnMessage(const http::WebSocketReader::Piece& piece) override;
  void OnPing(std::string_view payload) override;
  void OnClose(http::WebSocketClose code) override;
  void Close(http::WebSocketClose code);

  http::WebSocketReader client_;
  Out* out_ = nullptr;  // during a call
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_SUBRESOURCES_WEBSOCKET_TUNNEL_H_
