// SPDX-License-Identifier: Apache-2.0
// What becomes of a recorded event: a new Event object, a higher count on one that was written
// before, or nothing because its object speaks too often. Pure but for its memory; single-threaded.
#ifndef BERTH_CLIENT_EVENT_CORRELATOR_H_
#define BERTH_CLIENT_EVENT_CORRELATOR_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/strings.h"

namespace berth::client {

struct RecordedEvent {
  // The involved object.
  std::string api_version;
  std::string kind;
  std::string namespace_;
  std::string name;
  std::string uid;
  std::string resource_version;
  std::string field_path;
  // What happened.
  std::string type;
  std::string reason;
  std::string message;
  std::map<std::string, std::string> annotations;
  absl::Time when;
};

class EventCorrelator {
 public:
  struct Verdict {
    bool drop = false;
    std::string key;         // for Forget()
    std::string event_name;  // of the Event object
    int count = 1;           // above 1: the object exists, its count rises
    absl::Time first;
  };
  Verdict Decide(const RecordedEvent& event);
  // The Event object of this key is gone from the server: the next verdict makes a new one.
  void Forget(std::string_view key);

 private:
  struct Series {
    std::string event_name;
    int count = 0;
    absl::Time first;
    absl::Time last;
  };
  struct Bucket {
    double tokens;
    absl::Time refilled;
  };
  bool TakeToken(const RecordedEvent& event);
  void MakeRoom(absl::Time now);

  base::StringMap<Series> series_;
  base::StringMap<Bucket> buckets_;
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_EVENT_CORRELATOR_H_
