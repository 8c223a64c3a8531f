// SPDX-License-Identifier: Apache-2.0
// Every stored object, decoded, in memory, and the latest changes of each resource. Reads and
// watches are served from here; the store feeds it before a write is acknowledged, so that a
// client always reads its own writes. Thread-safe.
#ifndef BERTH_CONTROLPLANE_APISERVER_OBJECT_CACHE_H_
#define BERTH_CONTROLPLANE_APISERVER_OBJECT_CACHE_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/object.h"
#include "base/mutex.h"
#include "controlplane/apiserver/resource_descriptor.h"
#include "controlplane/store/store.h"

namespace berth::controlplane {

using ObjectPtr = std::shared_ptr<const api::Message>;

struct CachedObject {
  ObjectPtr object;  // with its resourceVersion
  int64_t revision = 0;
};

// One change of one object. Encodings are made when first asked for and shared by all watchers.
class ObjectChange {
 public:
  ObjectPtr before;  // nullptr: created
  ObjectPtr after;   // nullptr: deleted
  ObjectPtr last;    // `after`, or what was deleted with the revision of the deletion
  int64_t revision = 0;
  std::string namespace_;

  const std::string& Json() const;   // of `last`
  const std::string& Proto() const;  // of `last`, with its envelope

 private:
  mutable std::once_flag json_once_;
  mutable std::once_flag proto_once_;
  mutable std::string json_;
  mutable std::string proto_;
};
using ChangePtr = std::shared_ptr<const ObjectChange>;

class ObjectCache {
 public:
  // Hears changes in order; called with the cache locked: it only queues.
  using Listener = std::function<void(const ChangePtr& change)>;
  // Called once after a batch of changes, without a lock.
  using Flush = std::function<void()>;
  class Subscription;

  // `store` outlives the cache.
  static absl::StatusOr<std::unique_ptr<ObjectCache>> Make(Store& store);
  ~ObjectCache();

  absl::StatusOr<CachedObject> Get(const ResourceDescriptor& resource, std::string_view namespace_,
                                   std::string_view name) const;
  struct Snapshot {
    std::vector<CachedObject> objects;  // by key
    int64_t revision = 0;
  };
  // "" is all namespaces.
  Snapshot List(const ResourceDescriptor& resource, std::string_view namespace_) const;
  int64_t revision() const;

  // All later changes go to `listener`. `current` gets what there is now.
  std::unique_ptr<Subscription> SubscribeNow(const ResourceDescriptor& resource,
                                             std::string_view namespace_, Listener listener,
                                             Flush flush, Snapshot& current);
  // The same from the first change after `revision`; those that have been are queued at once.
  // OutOfRange when they are not known any more.
  absl::StatusOr<std::unique_ptr<Subscription>> SubscribeFrom(const ResourceDescriptor& resource,
                                                              int64_t revision, Listener listener,
                                                              Flush flush);

  // The object of a stored value. Errors are Internal.
  static absl::StatusOr<ObjectPtr> Decode(const ResourceDescriptor& resource,
                                          std::string_view value, int64_t revision);

 private:
  struct Shard;
  explicit ObjectCache(Store& store);
  absl::Status Load();
  void Publish(const std::vector<Change>& changes);
  Shard* ShardOfKey(std::string_view key) const;
  Shard& ShardOf(const ResourceDescriptor& resource) const;

  Store& store_;
  mutable base::Mutex mu_;
  // By "/registry/pods/". The map itself never changes once made.
  std::map<std::string, std::unique_ptr<Shard>, std::less<>> shards_;
  int64_t revision_ BERTH_GUARDED_BY(mu_) = 0;
};

// Ends with its destruction; the listener may still run once on another thread.
class ObjectCache::Subscription {
 public:
  ~Subscription();

 private:
  friend class ObjectCache;
  struct Entry {
    Listener listener;
    Flush flush;
    int64_t after = 0;  // earlier revisions have been handed over
  };
  ObjectCache* cache_ = nullptr;
  Shard* shard_ = nullptr;
  std::shared_ptr<Entry> entry_;
};

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_APISERVER_OBJECT_CACHE_H_
