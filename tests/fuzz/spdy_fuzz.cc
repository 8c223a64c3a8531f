// SPDX-License-Identifier: Apache-2.0
// A kubelet's SPDY frames: what is read does not depend on how the bytes arrive.
#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

#include "http/spdy.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {
namespace {

struct Told : http::SpdyReader::Sink {
  void OnReply(uint32_t stream) override { Add("reply", stream); }
  void OnReset(uint32_t stream) override { Add("reset", stream); }
  void OnPing(uint32_t id) override { Add("ping", id); }
  void OnData(uint32_t stream, std::string_view data, bool fin) override {
    // Pieces of one frame and frames of one stream run together.
    if (std::exchange(of_, stream) != stream || !in_data_) Add("data", stream);
    in_data_ = !fin;
    text += data;
    if (fin) text += "<fin>";
  }
  void Add(const char* what, uint32_t number) {
    in_data_ = false;
    text.append("<").append(what).append(" ") += std::to_string(number) + ">";
  }
  std::string text;

 private:
  uint32_t of_ = 0;
  bool in_data_ = false;
};

std::string Read(std::string_view bytes, size_t at_a_time) {
  http::SpdyReader reader;
  Told told;
  for (size_t at = 0; at < bytes.size(); at += at_a_time) {
    if (!reader.Put(bytes.substr(at, at_a_time), told).ok()) told.text += "<broken>";
  }
  return told.text;
}

}  // namespace

int Spdy(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string whole = Read(bytes, std::max<size_t>(size, 1));
  for (const size_t at_a_time : {1, 2, 7}) {
    if (Read(bytes, at_a_time) != whole) std::abort();
  }
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::Spdy)
