// SPDX-License-Identifier: Apache-2.0
// Inside http/: a connected socket, plain or under TLS, as one type: what is above is written once.
// No call blocks; whoever is told to wait asks When(). For the loop's thread only.
#ifndef BERTH_HTTP_BYTE_STREAM_H_
#define BERTH_HTTP_BYTE_STREAM_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "http/loop.h"
#include "http/tls_context.h"

namespace berth::http {

struct IoResult {
  enum class Kind { kBytes, kEnd, kWantRead, kWantWrite, kError };
  Kind kind = Kind::kBytes;
  size_t bytes = 0;
  std::string error;  // for kError

  bool wants() const { return kind == Kind::kWantRead || kind == Kind::kWantWrite; }
};

// Closes the connection when destroyed; tasks that wait are forgotten.
class ByteStream {
 public:
  // `ssl` may be nullptr: plain bytes. `server_name` is for errors only.
  ByteStream(Loop& loop, Socket socket, SslPtr ssl, std::string server_name = "");
  ~ByteStream();
  ByteStream(const ByteStream&) = delete;
  ByteStream& operator=(const ByteStream&) = delete;

  IoResult Handshake();  // kBytes when it is complete
  IoResult Read(char* data, size_t size);
  IoResult Write(std::string_view data);  // a part of it, perhaps
  // Tells the peer that no more comes; reading goes on.
  IoResult ShutdownWrite();
  size_t Unsent() const;   // bytes that the peer's kernel has not acknowledged
  bool PeerEnded() const;  // also when it has not been read so far; false for what is no TCP
  // Closing will reset: what is unsent is dropped, and the peer hears of it at once, not after
  // everything before it.
  void AbortOnClose();
  // One task per direction; a later one replaces it.
  void When(IoResult::Kind want, Loop::Task task);
  std::optional<PeerCertificate> Peer() const;
  // The same connection on another loop. Called on this stream's loop, with nothing waiting; the
  // result is opened on the other one.
  struct Parts {
    Socket socket;
    SslPtr ssl;
  };
  Parts Release();

 private:
  IoResult Tls(int result);

  Watched watched_;
  SslPtr ssl_;
  std::string server_name_;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_BYTE_STREAM_H_
