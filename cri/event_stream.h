// SPDX-License-Identifier: Apache-2.0
// What happens to containers, as the runtime tells it. An event says "look at this id again"; it
// may be late, doubled or lost, so there is always a relist underneath.
#ifndef BERTH_CRI_EVENT_STREAM_H_
#define BERTH_CRI_EVENT_STREAM_H_

#include <functional>
#include <string>

namespace berth::cri {

enum class EventKind {
  kCreated,
  kStarted,
  kStopped,
  kDeleted,
  kOom,
  kConnected,     // events flow from here on; what happened before may have been missed
  kDisconnected,  // no events until kConnected
  kUnsupported,   // the runtime has no event stream of any sort; no event will come
};

struct Event {
  EventKind kind;
  std::string id;  // of a container or a sandbox; "" for the last three
};

class EventSource {
 public:
  using Handler = std::function<void(const Event&)>;
  virtual ~EventSource() = default;
  // Once. The handler runs on one thread at a time, not the caller's, and must be short.
  virtual void Start(Handler handler) = 0;
  // No handler runs afterwards. Also done by the destructor.
  virtual void Stop() = 0;
};

}  // namespace berth::cri

#endif  // BERTH_CRI_EVENT_STREAM_H_
