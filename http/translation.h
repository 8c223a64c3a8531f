// SPDX-License-Identifier: Apache-2.0
// Two upgraded connections whose bytes are not the same on both sides: a client's WebSocket here,
// what the server behind speaks there.
#ifndef BERTH_HTTP_TRANSLATION_H_
#define BERTH_HTTP_TRANSLATION_H_

#include <cstddef>
#include <memory>
#include <string>

#include "http/tunnel.h"

namespace berth::http {

// What goes out because of what came in. A pure machine of bytes; all its calls come from one
// thread, one at a time.
class Translator {
 public:
  struct Out {
    std::string to_client;
    std::string to_server;
    bool over = false;  // the connections end once `to_client` has been sent
  };
  virtual ~Translator() = default;
  // Before anything else.
  virtual void Begin(Out& out) = 0;
  // May change the bytes in place.
  virtual void FromClient(char* data, size_t size, Out& out) = 0;
  virtual void FromServer(char* data, size_t size, Out& out) = 0;
  // The server sends nothing more.
  virtual void ServerEnded(Out& out) = 0;
  // While false, the client is not read.
  virtual bool TakesFromClient() const { return true; }
};

// Passes bytes through `translator` until it says that it is over, or the client goes. `server` may
// be absent: it has ended then. A side is read while the other takes what comes of it, so memory
// does not grow. Returns at once, as Splice does.
void Translate(std::unique_ptr<Tunnel> client, std::unique_ptr<Tunnel> server,
               std::unique_ptr<Translator> translator);

}  // namespace berth::http

#endif  // BERTH_HTTP_TRANSLATION_H_
