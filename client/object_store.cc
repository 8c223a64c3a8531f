// SPDX-License-Identifier: Apache-2.0
#include "client/object_store.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <utility>

#include "api/proto/meta/v1/object_meta.pb.h"

namespace berth::client {
namespace {

bool SameVersion(const api::Message& a, const api::Message& b) {
  const auto* x = api::MetaOf(a);
  const auto* y = api::MetaOf(b);
  return x != nullptr && y != nullptr && !x->resource_version().empty() &&
         x->resource_version() == y->resource_version() && x->uid() == y->uid();
}

}  // namespace

std::vector<ObjectStore::Change> ObjectStore::Replace(base::StringMap<Snapshot> objects) {
  std::vector<Change> out;
  {
    base::MutexLock lock(mu_);
    for (auto& [key, before] : objects_) {
      if (!objects.contains(key)) out.push_back({key, before, nullptr});
    }
    for (auto& [key, after] : objects) {
      const auto it = objects_.find(key);
      if (it == objects_.end()) {
        out.push_back({key, nullptr, after});
      } else if (SameVersion(*it->second, *after)) {
        after = it->second;  // readers keep the snapshot they have
      } else {
        out.push_back({key, it->second, after});
      }
    }
    objects_.swap(objects);
  }
  std::sort(out.begin(), out.end(), [](const Change& a, const Change& b) { return a.key < b.key; });
  return out;
}

std::optional<ObjectStore::Change> ObjectStore::Put(Snapshot object) {
  Change out{api::KeyOf(*object), nullptr, object};
  base::MutexLock lock(mu_);
  Snapshot& slot = objects_[out.key];
  if (slot != nullptr && SameVersion(*slot, *object)) return std::nullopt;
  out.before = std::exchange(slot, std::move(object));
  return out;
}

std::optional<ObjectStore::Change> ObjectStore::Remove(const Snapshot& object) {
  Change out{api::KeyOf(*object), nullptr, nullptr};
  base::MutexLock lock(mu_);
  const auto it = objects_.find(out.key);
  if (it == objects_.end()) return std::nullopt;
  out.before = object;  // the last state, newer than the stored one
  objects_.erase(it);
  return out;
}

ObjectStore::Snapshot ObjectStore::Get(std::string_view key) const {
  base::MutexLock lock(mu_);
  const auto it = objects_.find(key);
  return it == objects_.end() ? nullptr : it->second;
}

std::vector<ObjectStore::Snapshot> ObjectStore::List() const {
  base::MutexLock lock(mu_);
  std::vector<Snapshot> out;
  out.reserve(objects_.size());
  for (const auto& [key, object] : objects_) out.push_back(object);
  return out;
}

size_t ObjectStore::size() const {
  base::MutexLock lock(mu_);
  return objects_.size();
}

}  // namespace berth::client
