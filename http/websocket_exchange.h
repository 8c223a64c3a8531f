// SPDX-License-Identifier: Apache-2.0
// A streamed answer as the messages of a WebSocket: for clients that read a log by one.
#ifndef BERTH_HTTP_WEBSOCKET_EXCHANGE_H_
#define BERTH_HTTP_WEBSOCKET_EXCHANGE_H_

#include <memory>
#include <string_view>

#include "http/server.h"

namespace berth::http {

enum class MessageForm { kBinary, kBase64 };  // base64 goes as text

// Start() upgrades, each Write() is a message, Finish() closes; Respond() refuses by plain HTTP.
// Pings and the client's close are answered; the latter counts as a disconnect. A request that is
// no handshake is refused with 400. `protocol` is the one chosen, "" for none. Thread-safe.
std::shared_ptr<Exchange> OverWebSocket(std::shared_ptr<Exchange> exchange,
                                        std::string_view protocol, MessageForm form);

}  // namespace berth::http

#endif  // BERTH_HTTP_WEBSOCKET_EXCHANGE_H_
