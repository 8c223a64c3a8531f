// SPDX-License-Identifier: Apache-2.0
// The client's side of SPDY/3.1 as kubelets and runtimes speak it for exec, attach and
// port-forward, without any I/O. Peers there send no WINDOW_UPDATE and heed none, so there is no
// flow control but TCP's: whoever cannot take more stops reading the connection. For one thread at
// a time.
#ifndef BERTH_HTTP_SPDY_H_
#define BERTH_HTTP_SPDY_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace berth::http {

class SpdyWriter {
 public:
  // Opens a stream. A client's streams have odd numbers, which rise. Names are in lower case; at
  // most some kilobytes in all.
  void SynStream(std::string& out, uint32_t stream,
                 const std::vector<std::pair<std::string_view, std::string_view>>& headers);
  // `fin`: nothing more comes on this stream.
  static void Data(std::string& out, uint32_t stream, std::string_view data, bool fin);
  static void Ping(std::string& out, uint32_t id);

 private:
  bool zlib_begun_ = false;  // one zlib stream goes through all header blocks
};

class SpdyReader {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    virtual void OnReply(uint32_t stream) = 0;  // it has been accepted
    // A part of a frame, as it comes. `fin`: the peer sends nothing more on this stream.
    virtual void OnData(uint32_t stream, std::string_view data, bool fin) = 0;
    virtual void OnReset(uint32_t stream) = 0;
    virtual void OnPing(uint32_t id) = 0;
  };

  // InvalidArgument when this is no SPDY/3; what follows is then ignored. Header blocks are not
  // looked into.
  absl::Status Put(std::string_view data, Sink& sink);

 private:
  absl::Status Head(Sink& sink);
  void Control(Sink& sink);

  std::string head_;  // of the frame that is being read, until complete
  bool in_frame_ = false;
  bool control_ = false;
  uint16_t type_ = 0;
  uint8_t flags_ = 0;
  uint32_t stream_ = 0;
  uint32_t left_ = 0;
  std::string start_;  // of a control frame's content: as much as anybody looks at
  bool broken_ = false;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_SPDY_H_
