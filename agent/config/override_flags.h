// SPDX-License-Identifier: Apache-2.0
// Flags that stand for a field of the KubeletConfiguration. For flags.cc.
#ifndef BERTH_AGENT_CONFIG_OVERRIDE_FLAGS_H_
#define BERTH_AGENT_CONFIG_OVERRIDE_FLAGS_H_

#include <string_view>
#include <vector>

namespace berth::agent {

struct OverrideFlag {
  std::string_view name;   // without dashes
  std::string_view field;  // in the file
  bool deprecated = true;
  bool is_switch = false;  // may come without a value
};

const std::vector<OverrideFlag>& OverrideFlags();

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_OVERRIDE_FLAGS_H_
