// SPDX-License-Identifier: Apache-2.0
// Requests of HTTP clients: what is read does not depend on how the bytes arrive.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>

#include "http/parser.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {
namespace {

// The first request, and how its reading ended.
std::string Read(std::string_view bytes, size_t at_a_time) {
  http::RequestParser parser(4096, 1 << 20);
  std::string waiting;
  http::ParseState state = http::ParseState::kMore;
  for (size_t at = 0; at < bytes.size() && state == http::ParseState::kMore; at += at_a_time) {
    waiting += bytes.substr(at, at_a_time);
    const http::ParseResult result = parser.Put(waiting);
    if (result.consumed > waiting.size()) std::abort();
    waiting.erase(0, result.consumed);
    state = result.state;
  }
  if (state != http::ParseState::kDone) return "";
  const http::Request& request = parser.request();
  (void)http::Target::Parse(request.target);
  return request.method + " " + request.target + "\n" + request.body;
}

}  // namespace

int HttpRequest(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = Read(bytes, std::max<size_t>(size, 1));
  for (const size_t at_a_time : {1, 3, 64}) {
    if (Read(bytes, at_a_time) != whole) std::abort();
  }
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::HttpRequest)
