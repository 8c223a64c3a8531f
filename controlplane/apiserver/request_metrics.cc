// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/request_metrics.h"

#include <fstream>

#include "base/strings.h"

namespace berth::controlplane {

void RequestMetrics::Count(std::string_view verb, std::string_view resource) {
  base::MutexLock lock(mu_);
  ++requests_[{std::string(verb), std::string(resource)}];
}

std::string RequestMetrics::Text() const {
  std::string out =
      "# HELP apiserver_request_total Requests by verb and resource.\n"
      "# TYPE apiserver_request_total counter\n";
  {
    base::MutexLock lock(mu_);
    for (const auto& [key, count] : requests_) {
      base::StrAppend(out, "apiserver_request_total{verb=\"", key.first, "\",resource=\"",
                      key.second, "\"} ", count, "\n");
    }
  }
  // Pages of memory, resident the second.
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  if (statm >> total >> resident) {
    base::StrAppend(out, "# TYPE process_resident_memory_bytes gauge\n",
                    "process_resident_memory_bytes ", resident * 4096, "\n");
  }
  return out;
}

}  // namespace berth::controlplane
