// SPDX-License-Identifier: Apache-2.0
// Counts of requests, in the text format of Prometheus. Thread-safe.
#ifndef BERTH_CONTROLPLANE_APISERVER_REQUEST_METRICS_H_
#define BERTH_CONTROLPLANE_APISERVER_REQUEST_METRICS_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "base/mutex.h"

namespace berth::controlplane {

class RequestMetrics {
 public:
  void Count(std::string_view verb, std::string_view resource);
  std::string Text() const;

 private:
  mutable base::Mutex mu_;
  std::map<std::pair<std::string, std::string>, int64_t> requests_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_REQUEST_METRICS_H_
