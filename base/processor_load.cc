// SPDX-License-Identifier: Apache-2.0
#include "base/processor_load.h"

#include <fstream>

#include "base/strings.h"

namespace berth::base {

double ProcessorLoad::IdleShare() {
  std::string line;
  if (std::ifstream file(path_); !std::getline(file, line)) return 0;
  // "cpu  user nice system idle iowait irq softirq steal guest guest_nice"
  uint64_t idle = 0, all = 0;
  int field = 0;
  for (const std::string_view word : Split(line, ' ')) {
    const auto ticks = ParseInt<uint64_t>(word);
    if (!ticks.has_value()) continue;
    ++field;
    if (field == 4 || field == 5) idle += *ticks;
    if (field <= 8) all += *ticks;
  }
  MutexLock l(mu_);
  const bool first = all_ == 0;
  const uint64_t idle_since = idle - idle_, all_since = all - all_;
  idle_ = idle;
  all_ = all;
  return first || all_since == 0 ? 0 : static_cast<double>(idle_since) / all_since;
}

}  // namespace berth::base
