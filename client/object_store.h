// SPDX-License-Identifier: Apache-2.0
// The objects of an informer by key, and what a list or an event changes about them. Thread-safe.
#ifndef BERTH_CLIENT_OBJECT_STORE_H_
#define BERTH_CLIENT_OBJECT_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/mutex.h"
#include "base/strings.h"

namespace berth::client {

class ObjectStore {
 public:
  using Snapshot = std::shared_ptr<const api::Message>;
  struct Change {
    std::string key;
    Snapshot before;
    Snapshot after;
  };

  // What differs, by key; objects whose resourceVersion is unchanged do not.
  std::vector<Change> Replace(base::StringMap<Snapshot> objects);
  // Nothing when that version is there already.
  std::optional<Change> Put(Snapshot object);
  std::optional<Change> Remove(const Snapshot& object);

  Snapshot Get(std::string_view key) const;
  std::vector<Snapshot> List() const;
  size_t size() const;

 private:
  mutable base::Mutex mu_;
  base::StringMap<Snapshot> objects_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_OBJECT_STORE_H_
