// SPDX-License-Identifier: Apache-2.0
// get, list and watch of any stored resource.
#ifndef BERTH_CONTROLPLANE_APISERVER_READ_HANDLER_H_
#define BERTH_CONTROLPLANE_APISERVER_READ_HANDLER_H_

#include "base/clock.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/request_scope.h"
#include "controlplane/store/store.h"

namespace berth::controlplane {

class ReadHandler {
 public:
  ReadHandler(Store& store, ObjectCache& cache, base::Clock& clock)
      : store_(store), cache_(cache), clock_(clock) {}
  absl::Status Get(RequestScope& scope) const;
  absl::Status List(RequestScope& scope) const;
  absl::Status Watch(RequestScope& scope) const;

 private:
  absl::StatusOr<ObjectCache::Snapshot> Read(const RequestScope& scope, std::string_view start,
                                             int64_t revision) const;

  Store& store_;
  ObjectCache& cache_;
  base::Clock& clock_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_READ_HANDLER_H_
