// SPDX-License-Identifier: Apache-2.0
// YAML as a tree that remembers lines, so that an error in a configuration file names the place.
// No anchors, no merge keys; depth is bounded. Thread-safe: no state.
#ifndef BERTH_AGENT_CONFIG_YAML_DOCUMENT_H_
#define BERTH_AGENT_CONFIG_YAML_DOCUMENT_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace berth::agent {

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  int line = 0;                 // counted from 1
  std::string text;             // of a scalar
  bool quoted = false;          // a quoted scalar is a string whatever it looks like
  std::vector<YamlNode> items;  // of a list
  std::vector<std::pair<std::string, YamlNode>> fields;  // of a map, in order

  const YamlNode* Find(std::string_view key) const;
};

// Every document of the stream; empty ones are left out. Errors are InvalidArgument and begin with
// the line: "12: duplicate field "port"".
absl::StatusOr<std::vector<YamlNode>> ParseYaml(std::string_view text);

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_YAML_DOCUMENT_H_
