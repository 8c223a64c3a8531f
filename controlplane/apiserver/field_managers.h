// SPDX-License-Identifier: Apache-2.0
// Who manages which fields of an object: server-side apply (KEP-555) over metadata.managedFields.
// An object is tracked from its first apply on; until then it carries no managedFields, and at the
// first apply all it has is of "before-first-apply", as upstream does with objects from before
// tracking. So objects that nobody applies, such as every Pod and Lease, cost nothing. Pure.
#ifndef BERTH_CONTROLPLANE_APISERVER_FIELD_MANAGERS_H_
#define BERTH_CONTROLPLANE_APISERVER_FIELD_MANAGERS_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api/object.h"

namespace berth::controlplane {

// The writer of a request.
struct FieldManager {
  std::string name;
  std::string subresource;  // "status", or ""
  bool force = false;       // an apply takes what others manage
};

// `object` as it is stored becomes what it is once `manager` applied `config` (JSON): merged,
// without what `manager` applied before and nobody names now, managedFields brought up to date.
// 409 with a cause per field when the apply changes what others manage; 400 for a bad `config`.
absl::Status ApplyConfig(const FieldManager& manager, absl::Time now, std::string_view config,
                         api::Message& object);

// After any other write: what differs is `manager`'s from now on. `next` has the managedFields that
// the client sent; when it sent none, those of `old` count, and one empty entry ends the tracking.
absl::Status TrackUpdate(const FieldManager& manager, absl::Time now, const api::Message& old,
                         api::Message& next);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_FIELD_MANAGERS_H_
