// SPDX-License-Identifier: Apache-2.0
// What every controller works with, and the queue that carries its keys.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_CONTEXT_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_CONTEXT_H_

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "base/clock.h"
#include "base/executor.h"
#include "base/keyed_queue.h"
#include "client/api_client.h"
#include "client/event_recorder.h"
#include "controlplane/controllers/controllers.h"
#include "controlplane/controllers/informers.h"

namespace berth::controlplane {

// Everything here outlives the controllers.
struct Context {
  client::ApiClient& api;
  base::Clock& clock;
  base::Executor& executor;
  Informers& informers;
  const ControllerOptions& options;
  std::atomic<bool> ready{false};  // every informer has its first list
};

// A controller is told once that everything is known, and from then on hears of changes.
class Controller {
 public:
  virtual ~Controller() = default;
  // Looks at every object once.
  virtual void Begin() = 0;
};

// Keys on their way to a controller's Sync. Failures come back with back-off; keys that come before
// the informers are complete are dropped, because Begin() adds every key.
class SyncQueue {
 public:
  using Sync = std::function<absl::Status(const std::string& key)>;

  SyncQueue(Context& context, std::string name, Sync sync);

  void Add(std::string_view key) { queue_.Add(key); }
  void AddAfter(std::string_view key, absl::Duration delay) { queue_.AddAfter(key, delay); }
  void AddAll(const client::InformerBase& informer);

 private:
  void Handle(const std::string& key);

  Context& context_;
  const std::string name_;
  const Sync sync_;
  base::KeyedQueue queue_;  // last: its end waits for handlers, which use the rest
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_CONTEXT_H_
