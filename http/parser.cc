// SPDX-License-Identifier: Apache-2.0
#include "http/parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <limits>
#include <utility>

namespace berth::http {
namespace {

namespace beast = boost::beast::http;
using ErrorCode = boost::beast::error_code;
using View = boost::beast::string_view;

std::string_view Sv(View view) { return {view.data(), view.size()}; }

// What requests and responses have in common: fields and a body that goes to Body().
template <bool kRequest>
class Parser : public beast::basic_parser<kRequest> {
 public:
  ParseResult Feed(std::string_view bytes) {
    ParseResult out;
    while (!this->is_done() && out.consumed < bytes.size()) {
      const auto rest = bytes.substr(out.consumed);
      ErrorCode error;
      out.consumed += this->put(boost::asio::buffer(rest.data(), rest.size()), error);
      if (error == beast::error::need_more) break;
      if (error) return Failed(error, std::move(out));
    }
    out.state = this->is_done() ? ParseState::kDone : ParseState::kMore;
    return out;
  }

  Headers fields;
  int version = 11;

 protected:
  virtual void Body(std::string_view data) = 0;

  static ParseResult Failed(const ErrorCode& error, ParseResult out) {
    out.error = error.message();
    out.state = error == beast::error::header_limit ? ParseState::kHeaderTooLarge
                : error == beast::error::body_limit ? ParseState::kBodyTooLarge
                                                    : ParseState::kBad;
    return out;
  }

 private:
  void on_field_impl(beast::field, View name, View value, ErrorCode&) override {
    fields.Add(Sv(name), Sv(value));
  }
  void on_header_impl(ErrorCode&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ErrorCode&) override {}
  std::size_t on_body_impl(View body, ErrorCode&) override {
    Body(Sv(body));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, View, ErrorCode&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View body, ErrorCode&) override {
    Body(Sv(body));
    return body.size();
  }
  void on_finish_impl(ErrorCode&) override {}
};

}  // namespace

class RequestParser::Rep : public Parser<true> {
 public:
  Request request;

 private:
  void Body(std::string_view data) override { request.body.append(data); }
  void on_request_impl(beast::verb, View method, View target, int v, ErrorCode&) override {
    request.method = Sv(method);
    request.target = Sv(target);
    version = v;
  }
  void on_response_impl(int, View, int, ErrorCode&) override {}
};

RequestParser::RequestParser(size_t max_header_bytes, size_t max_body_bytes)
    : rep_(std::make_unique<Rep>()) {
  rep_->eager(true);
  rep_->header_limit(static_cast<uint32_t>(max_header_bytes));
  rep_->body_limit(max_body_bytes);
}
RequestParser::~RequestParser() = default;
ParseResult RequestParser::Put(std::string_view bytes) {
  ParseResult out = rep_->Feed(bytes);
  if (out.state == ParseState::kDone) rep_->request.headers = std::move(rep_->fields);
  return out;
}
bool RequestParser::header_done() const { return rep_->is_header_done(); }
bool RequestParser::keep_alive() const { return rep_->keep_alive(); }
bool RequestParser::http10() const { return rep_->version == 10; }
Request& RequestParser::request() { return rep_->request; }
const Headers& RequestParser::headers() const { return rep_->fields; }

class ResponseParser::Rep : public Parser<false> {
 public:
  explicit Rep(Sink s) : sink(std::move(s)) {}
  ParseResult End() {
    ErrorCode error;
    put_eof(error);
    if (error || !is_done()) return Failed(error, {});
    return {.state = ParseState::kDone};
  }
  Sink sink;
  int status = 0;

 private:
  void Body(std::string_view data) override { sink(data); }
  void on_request_impl(beast::verb, View, View, int, ErrorCode&) override {}
  void on_response_impl(int code, View, int v, ErrorCode&) override {
    status = code;
    version = v;
  }
};

ResponseParser::ResponseParser(bool no_body, Sink sink)
    : rep_(std::make_unique<Rep>(std::move(sink))) {
  rep_->eager(true);
  rep_->skip(no_body);
  rep_->header_limit(1 << 20);
  rep_->body_limit(boost::none);
}
ResponseParser::~ResponseParser() = default;
ParseResult ResponseParser::Put(std::string_view bytes) { return rep_->Feed(bytes); }
ParseResult ResponseParser::End() { return rep_->End(); }
bool ResponseParser::header_done() const { return rep_->is_header_done(); }
bool ResponseParser::keep_alive() const { return rep_->keep_alive(); }
int ResponseParser::status() const { return rep_->status; }
Headers& ResponseParser::headers() { return rep_->fields; }

}  // namespace berth::http
