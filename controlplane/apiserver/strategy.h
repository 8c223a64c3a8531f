// SPDX-License-Identifier: Apache-2.0
// What is special about a resource, as hooks around the registry's writes. Called on handler
// threads, several at a time.
#ifndef BERTH_CONTROLPLANE_APISERVER_STRATEGY_H_
#define BERTH_CONTROLPLANE_APISERVER_STRATEGY_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "api/object.h"
#include "controlplane/apiserver/user_info.h"

namespace berth::controlplane {

struct WriteContext {
  const UserInfo& user;
  absl::Time now;
  bool dry_run = false;
  // For metadata.managedFields. `applies`: a server-side apply, whose handler keeps them itself.
  std::string field_manager;
  std::string subresource;
  bool applies = false;
};

class Strategy {
 public:
  virtual ~Strategy() = default;
  // Fills in what the server decides; after defaults, before validation.
  virtual absl::Status PrepareForCreate(const WriteContext&, api::Message&) {
    return absl::OkStatus();
  }
  // Takes from `old` what may not change, after metadata and status were settled.
  virtual absl::Status PrepareForUpdate(const WriteContext&, const api::Message& /*old*/,
                                        api::Message&) {
    return absl::OkStatus();
  }
  // Last, on what will be stored: takes what is scarce, such as an address. `old` is nullptr on
  // create. What was taken is given back by Release.
  virtual absl::Status Allocate(const WriteContext&, const api::Message* /*old*/, api::Message&) {
    return absl::OkStatus();
  }
  // `object` is not stored any more, or never was.
  virtual void Release(const api::Message& /*object*/) {}
  // An update went through.
  virtual void Updated(const api::Message& /*old*/, const api::Message& /*now*/) {}
  // Refuses the deletion of what must stay.
  virtual absl::Status MayDelete(const api::Message&) { return absl::OkStatus(); }
  // A delete request: the grace period with which the object goes; nothing: at once.
  virtual std::optional<int64_t> GracePeriod(const api::Message&,
                                             std::optional<int64_t> /*requested*/) {
    return std::nullopt;
  }
  // On an object that is about to be marked as being deleted.
  virtual void MarkDeleted(api::Message&) {}
  // What keeps a deleted object beside its metadata's finalizers.
  virtual bool Held(const api::Message&) { return false; }
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_STRATEGY_H_
