// SPDX-License-Identifier: Apache-2.0
// Inside http/: HTTP/1.1 messages out of bytes that arrive in pieces.
#ifndef BERTH_HTTP_PARSER_H_
#define BERTH_HTTP_PARSER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"

namespace berth::http {

enum class ParseState { kMore, kDone, kBad, kHeaderTooLarge, kBodyTooLarge };

struct ParseResult {
  ParseState state = ParseState::kMore;
  size_t consumed = 0;  // the rest must be offered again, with more bytes behind it
  std::string error;    // for kBad
};

class RequestParser {
 public:
  RequestParser(size_t max_header_bytes, size_t max_body_bytes);
  ~RequestParser();
  ParseResult Put(std::string_view bytes);
  bool header_done() const;
  bool keep_alive() const;
  bool http10() const;
  Request& request();              // complete when Put said kDone
  const Headers& headers() const;  // once header_done(), until then

 private:
  class Rep;
  std::unique_ptr<Rep> rep_;
};

class ResponseParser {
 public:
  using Sink = std::function<void(std::string_view data)>;
  // `no_body` for the answer to HEAD. `sink` gets the body's bytes.
  ResponseParser(bool no_body, Sink sink);
  ~ResponseParser();
  ParseResult Put(std::string_view bytes);
  // The connection has ended: kDone when that is how this body ends.
  ParseResult End();
  bool header_done() const;
  bool keep_alive() const;
  int status() const;
  Headers& headers();

 private:
  class Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_PARSER_H_
