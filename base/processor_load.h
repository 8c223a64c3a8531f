// SPDX-License-Identifier: Apache-2.0
// Whether the machine's processors have time to spare. Thread-safe.
#ifndef BERTH_BASE_PROCESSOR_LOAD_H_
#define BERTH_BASE_PROCESSOR_LOAD_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"

namespace berth::base {

class ProcessorLoad {
 public:
  explicit ProcessorLoad(std::string proc_stat = "/proc/stat") : path_(std::move(proc_stat)) {}

  // The idle share of all processors' time since the call before, 0 to 1; also 0 when it is the
  // first call or cannot be told. Waiting for a disk is idle.
  double IdleShare();

 private:
  const std::string path_;
  Mutex mu_;
  uint64_t idle_ BERTH_GUARDED_BY(mu_) = 0, all_ BERTH_GUARDED_BY(mu_) = 0;
};

}  // namespace berth::base

#endif  // BERTH_BASE_PROCESSOR_LOAD_H_
