// SPDX-License-Identifier: Apache-2.0
#include "http/spdy.h"

#include <algorithm>

#include "base/status.h"

namespace berth::http {
namespace {

constexpr uint16_t kVersion = 3;
constexpr uint16_t kSynStream = 1, kSynReply = 2, kRstStream = 3, kPing = 6;
constexpr uint8_t kFin = 1;
constexpr size_t kHeadBytes = 8;
constexpr size_t kLookedAt = 4;  // a stream's number, or a ping's

void Append(std::string& out, uint64_t number, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(number >> (8 * i)));
}

uint32_t Number(std::string_view bytes) {
  uint32_t out = 0;
  for (const char c : bytes.substr(0, 4)) out = out << 8 | static_cast<uint8_t>(c);
  return out;
}

void ControlHead(std::string& out, uint16_t type, size_t size) {
  Append(out, 0x8000 | kVersion, 2);
  Append(out, type, 2);
  Append(out, size, 4);  // no flags, 24 bits of length
}

}  // namespace

void SpdyWriter::SynStream(
    std::string& out, uint32_t stream,
    const std::vector<std::pair<std::string_view, std::string_view>>& headers) {
  std::string names;
  Append(names, headers.size(), 4);
  for (const auto& [name, value] : headers) {
    Append(names, name.size(), 4);
    names.append(name);
    Append(names, value.size(), 4);
    names.append(value);
  }
  // zlib's format without compressing: a stored block, and an empty one that ends on a byte so that
  // the reader gets everything. That needs neither the library nor SPDY's dictionary.
  std::string block;
  if (!std::exchange(zlib_begun_, true)) Append(block, 0x7801, 2);
  const auto stored = [&block](std::string_view data) {
    block.push_back('\0');
    for (const size_t field : {data.size(), ~data.size()}) {
      block.push_back(static_cast<char>(field));
      block.push_back(static_cast<char>(field >> 8));
    }
    block.append(data);
  };
  stored(names);
  stored("");
  ControlHead(out, kSynStream, 10 + block.size());
  Append(out, stream, 4);
  Append(out, 0, 4);  // belongs to no other stream
  Append(out, 0, 2);  // highest priority, no slot
  out.append(block);
}

void SpdyWriter::Data(std::string& out, uint32_t stream, std::string_view data, bool fin) {
  constexpr size_t kMost = (1 << 24) - 1;
  do {
    const std::string_view piece = data.substr(0, kMost);
    data.remove_prefix(piece.size());
    Append(out, stream, 4);
    out.push_back(static_cast<char>(fin && data.empty() ? kFin : 0));
    Append(out, piece.size(), 3);
    out.append(piece);
  } while (!data.empty());
}

void SpdyWriter::Ping(std::string& out, uint32_t id) {
  ControlHead(out, kPing, 4);
  Append(out, id, 4);
}

absl::Status SpdyReader::Head(Sink& sink) {
  const uint32_t first = Number(head_);
  const uint32_t second = Number(std::string_view(head_).substr(4));
  head_.clear();
  control_ = (first >> 31) != 0;
  flags_ = static_cast<uint8_t>(second >> 24);
  left_ = second & 0xffffff;
  if (control_) {
    if ((first >> 16 & 0x7fff) != kVersion) return base::InvalidArgument("this is not SPDY/3");
    type_ = static_cast<uint16_t>(first);
    const bool known = type_ == kSynReply || type_ == kRstStream || type_ == kPing;
    if (known && left_ < kLookedAt) return base::InvalidArgument("a SPDY frame is too short");
    return absl::OkStatus();
  }
  stream_ = first;
  if (left_ == 0) sink.OnData(stream_, "", (flags_ & kFin) != 0);
  return absl::OkStatus();
}

void SpdyReader::Control(Sink& sink) {
  const uint32_t number = Number(start_);
  start_.clear();
  if (type_ == kPing) return sink.OnPing(number);
  const uint32_t stream = number & 0x7fffffff;
  if (type_ == kRstStream) sink.OnReset(stream);
  if (type_ != kSynReply) return;
  sink.OnReply(stream);
  if ((flags_ & kFin) != 0) sink.OnData(stream, "", true);
}

absl::Status SpdyReader::Put(std::string_view data, Sink& sink) {
  while (!broken_) {
    if (!in_frame_) {
      const size_t take = std::min(kHeadBytes - head_.size(), data.size());
      head_.append(data.substr(0, take));
      data.remove_prefix(take);
      if (head_.size() < kHeadBytes) break;
      if (absl::Status status = Head(sink); !status.ok()) {
        broken_ = true;
        return status;
      }
      in_frame_ = true;
    }
    const auto take = static_cast<uint32_t>(std::min<size_t>(left_, data.size()));
    left_ -= take;
    if (control_) {
      if (start_.size() < kLookedAt) {
        start_.append(data.substr(0, std::min<size_t>(take, kLookedAt - start_.size())));
      }
    } else if (take > 0) {
      sink.OnData(stream_, data.substr(0, take), left_ == 0 && (flags_ & kFin) != 0);
    }
    data.remove_prefix(take);
    if (left_ > 0) break;
    if (control_) Control(sink);
    in_frame_ = false;
  }
  return absl::OkStatus();
}

}  // namespace berth::http
