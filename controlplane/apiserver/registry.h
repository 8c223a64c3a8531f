// SPDX-License-Identifier: Apache-2.0
// The generic registry: create, update, patch and delete of any resource, over the store and the
// cache. Knows no HTTP. Errors are made by api_error.h. Thread-safe.
#ifndef BERTH_CONTROLPLANE_APISERVER_REGISTRY_H_
#define BERTH_CONTROLPLANE_APISERVER_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "controlplane/apiserver/object_cache.h"
#include "controlplane/apiserver/resource_descriptor.h"
#include "controlplane/apiserver/strategy.h"
#include "controlplane/store/store.h"

namespace berth::controlplane {

enum class Part { kMain, kStatus, kWhole };  // what a write may change

struct DeleteRequest {
  std::optional<int64_t> grace_period_seconds;
  std::string uid;  // preconditions, "" for none
  std::string resource_version;
  std::string propagation_policy;
  bool dry_run = false;
};

struct Deleted {
  ObjectPtr object;
  bool gone = false;  // false: marked, and something else has to finish it
};

class Registry {
 public:
  using Object = std::unique_ptr<api::Message>;
  // Gets a copy of what is stored and turns it into what should be.
  using Change = std::function<absl::Status(api::Message& object)>;

  Registry(Store& store, ObjectCache& cache, base::Clock& clock);
  ~Registry();

  // Before the first request.
  void SetStrategy(std::string_view group, std::string_view plural,
                   std::unique_ptr<Strategy> strategy);

  ObjectCache& cache() { return cache_; }
  base::Clock& clock() { return clock_; }

  absl::StatusOr<ObjectPtr> Create(const WriteContext& context, const ResourceDescriptor& resource,
                                   std::string_view namespace_, Object object);
  // Replaces; `object` may carry the resourceVersion that it is based on.
  absl::StatusOr<ObjectPtr> Update(const WriteContext& context, const ResourceDescriptor& resource,
                                   std::string_view namespace_, std::string_view name, Part part,
                                   Object object);
  // Reads, changes, writes, and starts over when somebody else wrote in between, unless `change`
  // set another resourceVersion than the stored one.
  absl::StatusOr<ObjectPtr> Modify(const WriteContext& context, const ResourceDescriptor& resource,
                                   std::string_view namespace_, std::string_view name, Part part,
                                   const Change& change);
  absl::StatusOr<Deleted> Delete(const WriteContext& context, const ResourceDescriptor& resource,
                                 std::string_view namespace_, std::string_view name,
                                 const DeleteRequest& request);

 private:
  Strategy& StrategyOf(const ResourceDescriptor& resource) const;
  absl::Status CheckNamespace(const ResourceDescriptor& resource,
                              std::string_view namespace_) const;
  absl::StatusOr<ObjectPtr> TryModify(const WriteContext& context,
                                      const ResourceDescriptor& resource,
                                      const CachedObject& current, std::string_view name, Part part,
                                      const Change& change, bool& raced);

  Store& store_;
  ObjectCache& cache_;
  base::Clock& clock_;
  std::map<std::string, std::unique_ptr<Strategy>, std::less<>> strategies_;  // "group/plural"
  std::unique_ptr<Strategy> plain_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_REGISTRY_H_
