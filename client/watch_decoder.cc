// SPDX-License-Identifier: Apache-2.0
#include "client/watch_decoder.h"

#include <google/protobuf/message.h>

#include <optional>
#include <utility>

#include "api/codec.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/status.h"
#include "client/api_error.h"

namespace berth::client {
namespace {

constexpr size_t kMaxFrameBytes = 64 << 20;

std::optional<WatchChange::Type> TypeOf(std::string_view text) {
  using Type = WatchChange::Type;
  if (text == "ADDED") return Type::kAdded;
  if (text == "MODIFIED") return Type::kModified;
  if (text == "DELETED") return Type::kDeleted;
  if (text == "BOOKMARK") return Type::kBookmark;
  if (text == "ERROR") return Type::kError;
  return std::nullopt;
}

uint32_t BigEndian(std::string_view bytes) {
  uint32_t out = 0;
  for (int i = 0; i < 4; ++i) out = out << 8 | static_cast<unsigned char>(bytes[i]);
  return out;
}

}  // namespace

WatchDecoder::WatchDecoder(std::string_view content_type, const api::Message& prototype)
    : protobuf_(IsProtobuf(content_type)), prototype_(prototype) {}

absl::StatusOr<WatchChange> WatchDecoder::Decode(std::string_view frame) const {
  api::meta::v1::WatchEvent event;
  if (!protobuf_) {
    RETURN_IF_ERROR(api::DecodeJson(frame, event), "watch event");
  } else if (!event.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
    return base::InvalidArgument("watch event: malformed protobuf");
  }
  const auto type = TypeOf(event.type());
  if (!type) return base::InvalidArgument("watch event of unknown type ", event.type());
  const std::string& raw = event.object().raw();
  const auto decode = [&](api::Message& out) {
    return protobuf_ ? api::DecodeProto(raw, out) : api::DecodeJson(raw, out);
  };
  WatchChange out{.type = *type};
  if (*type == WatchChange::Type::kError) {
    api::meta::v1::Status status;
    RETURN_IF_ERROR(decode(status), "watch error");
    out.error = ErrorFrom(status);
    return out;
  }
  out.object.reset(prototype_.New());
  RETURN_IF_ERROR(decode(*out.object), "watch event ", event.type());
  return out;
}

absl::StatusOr<std::vector<WatchChange>> WatchDecoder::Feed(std::string_view bytes) {
  buffer_.append(bytes);
  std::vector<WatchChange> out;
  size_t done = 0;
  while (true) {
    const std::string_view rest = std::string_view(buffer_).substr(done);
    std::string_view frame;
    if (protobuf_) {
      if (rest.size() < 4) break;
      const size_t size = BigEndian(rest);
      if (size > kMaxFrameBytes) return base::InvalidArgument("watch event of ", size, " bytes");
      if (rest.size() < 4 + size) break;
      frame = rest.substr(4, size);
      done += 4 + size;
    } else {
      const size_t end = rest.find('\n');
      if (end == std::string_view::npos) {
        if (rest.size() > kMaxFrameBytes) return base::InvalidArgument("watch event without end");
        break;
      }
      frame = base::Trim(rest.substr(0, end));
      done += end + 1;
      if (frame.empty()) continue;
    }
    ASSIGN_OR_RETURN(WatchChange change, Decode(frame));
    out.push_back(std::move(change));
  }
  buffer_.erase(0, done);
  return out;
}

}  // namespace berth::client
