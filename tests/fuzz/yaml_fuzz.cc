// SPDX-License-Identifier: Apache-2.0
// YAML from anybody: it is refused, or becomes JSON that is no larger than allowed.
#include <google/protobuf/message.h>

#include <cstdlib>

#include "api/codec.h"
#include "tests/fuzz/fuzz_target.h"

namespace berth::fuzz {

int Yaml(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto documents = api::YamlToJson(text);
  if (!documents.ok()) return 0;
  for (const std::string& json : *documents) {
    if (json.empty()) std::abort();
    (void)api::DecodeJsonObject(json, {.strict = true}).status();
  }
  return 0;
}

}  // namespace berth::fuzz
BERTH_FUZZ_ENTRY(berth::fuzz::Yaml)
