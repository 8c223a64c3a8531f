// SPDX-License-Identifier: Apache-2.0
// Events that `kubectl describe` shows. Repeats of the same event raise its count (series by key of
// object, reason and message); writing happens in the background and is rate limited per object.
// Thread-safe; never blocks the caller.
#ifndef BERTH_CLIENT_EVENT_RECORDER_H_
#define BERTH_CLIENT_EVENT_RECORDER_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "api/object.h"
#include "base/clock.h"
#include "base/executor.h"
#include "client/api_client.h"

namespace berth::client {

class EventRecorder {
 public:
  // `component` is "kubelet" or "default-scheduler"; `host` the node's name or "".
  EventRecorder(ApiClient& api, base::Executor& executor, base::Clock& clock, std::string component,
                std::string host);
  ~EventRecorder();  // writes what waits, for at most two seconds

  // `object` is any API object, or a core/v1 ObjectReference to one.
  // `field_path` is "spec.containers{app}" or "". `type` is "Normal" or "Warning".
  void Record(const api::Message& object, std::string_view type, std::string_view reason,
              std::string_view message, std::string_view field_path = "",
              const std::map<std::string, std::string>& annotations = {});

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_EVENT_RECORDER_H_
