// SPDX-License-Identifier: Apache-2.0
// create, update, patch, delete and deletecollection of any stored resource.
#ifndef BERTH_CONTROLPLANE_APISERVER_WRITE_HANDLER_H_
#define BERTH_CONTROLPLANE_APISERVER_WRITE_HANDLER_H_

#include "controlplane/apiserver/registry.h"
#include "controlplane/apiserver/request_scope.h"

namespace berth::controlplane {

class WriteHandler {
 public:
  explicit WriteHandler(Registry& registry) : registry_(registry) {}
  absl::Status Create(RequestScope& scope) const;
  absl::Status Update(RequestScope& scope, Part part) const;
  absl::Status Patch(RequestScope& scope, Part part) const;
  absl::Status Delete(RequestScope& scope) const;
  absl::Status DeleteCollection(RequestScope& scope) const;

 private:
  Registry& registry_;
};

// The patch in the request's body, applied to `object`.
absl::Status ApplyRequestPatch(RequestScope& scope, api::Message& object);
// Options from the body and the query.
absl::StatusOr<DeleteRequest> ReadDeleteRequest(RequestScope& scope);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_WRITE_HANDLER_H_
