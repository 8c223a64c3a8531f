// SPDX-License-Identifier: Apache-2.0
// One running watch: the changes of a selection, as frames on an exchange. It lives by itself until
// the client goes, its time is up, or it falls too far behind. No thread belongs to it.
#ifndef BERTH_CONTROLPLANE_APISERVER_WATCH_STREAM_H_
#define BERTH_CONTROLPLANE_APISERVER_WATCH_STREAM_H_

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "controlplane/apiserver/negotiation.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/selection.h"
#include "http/server.h"

namespace berth::controlplane {

struct WatchRequest {
  const ResourceDescriptor* resource = nullptr;
  std::string namespace_;
  Selection selection;
  int64_t from = 0;           // changes after this revision; 0: what there is, then changes
  bool bookmarks = false;     // a BOOKMARK each minute
  bool initial_mark = false;  // and one, annotated, after what there is (sendInitialEvents)
  absl::Duration timeout = absl::Minutes(30);
  Negotiated form;
};

// Answers `exchange`. Errors are to be answered by the caller: Expired when the revision is gone.
absl::Status ServeWatch(std::shared_ptr<http::Exchange> exchange, ObjectCache& cache,
                        base::Clock& clock, WatchRequest request);

// A frame of a watch: JSON with a line feed, or the length and bytes of a protobuf WatchEvent.
std::string WatchFrame(std::string_view type, std::string_view object, Negotiated::Format format);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_WATCH_STREAM_H_
