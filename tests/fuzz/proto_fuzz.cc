// SPDX-License-Identifier: Apache-2.0
// Wire bytes from anybody: they are refused, or what they became is stable on the wire and in JSON.
#include <google/protobuf/message.h>

#include <cstdlib>

#include "api/codec.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {

int Proto(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto object = api::DecodeProtoObject(bytes);
  if (!object.ok()) return 0;
  (void)api::EncodeJson(**object);
  const std::string wire = api::EncodeProto(**object);
  const auto again = api::DecodeProtoObject(wire);
  if (!again.ok() || api::EncodeProto(**again) != wire) std::abort();
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::Proto)
