// SPDX-License-Identifier: Apache-2.0
// The events of a watch out of the bytes of its body: length-prefixed protobuf or lines of JSON.
#ifndef BERTH_CLIENT_WATCH_DECODER_H_
#define BERTH_CLIENT_WATCH_DECODER_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/object.h"

namespace berth::client {

struct WatchChange {
  enum class Type { kAdded, kModified, kDeleted, kBookmark, kError };
  Type type;
  std::unique_ptr<api::Message> object;  // not for kError
  absl::Status error;                    // for kError
};

class WatchDecoder {
 public:
  // `prototype` says what the objects are; it outlives the decoder.
  WatchDecoder(std::string_view content_type, const api::Message& prototype);
  // The events that are complete now. After an error the stream is of no use any more.
  absl::StatusOr<std::vector<WatchChange>> Feed(std::string_view bytes);

 private:
  absl::StatusOr<WatchChange> Decode(std::string_view frame) const;

  const bool protobuf_;
  const api::Message& prototype_;
  std::string buffer_;
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_WATCH_DECODER_H_
