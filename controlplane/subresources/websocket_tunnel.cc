// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/websocket_tunnel.h"

#include <utility>

namespace berth::controlplane {

using http::WebSocketClose;
using http::WebSocketOpcode;

std::vector<std::string> TunnelledProtocols(const http::Request& request) {
  std::vector<std::string> out;
  if (!http::IsWebSocketRequest(request)) return out;
  for (const std::string& name : http::OfferedProtocols(request)) {
    if (name.starts_with(kTunnelPrefix) && name.ends_with(".k8s.io")) {
      out.push_back(name.substr(kTunnelPrefix.size()));
    }
  }
  return out;
}

void WebSocketTunnel::FromClient(char* data, size_t size, Out& out) {
  out_ = &out;
  const WebSocketClose code = client_.Put(data, size, *this);
  if (code != WebSocketClose::kNone) Close(code);
}

void WebSocketTunnel::FromServer(char* data, size_t size, Out& out) {
  http::AppendWebSocketFrame(out.to_client, WebSocketOpcode::kBinary, {data, size});
}

void WebSocketTunnel::ServerEnded(Out& out) {
  out_ = &out;
  Close(WebSocketClose::kNormal);
}

void WebSocketTunnel::OnMessage(const http::WebSocketReader::Piece& piece) {
  if (piece.text) return Close(WebSocketClose::kUnsupportedData);
  if (!out_->over) out_->to_server += piece.data;
}

void WebSocketTunnel::OnPing(std::string_view payload) {
  http::AppendWebSocketFrame(out_->to_client, WebSocketOpcode::kPong, payload);
}

void WebSocketTunnel::OnClose(WebSocketClose code) { Close(code); }

void WebSocketTunnel::Close(WebSocketClose code) {
  if (std::exchange(out_->over, true)) return;
  http::AppendWebSocketClose(out_->to_client, code);
}

}  // namespace berth::controlplane
