// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/object_cache.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "api/codec.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/log.h"
#include "base/status.h"

namespace berth::controlplane {
namespace {

constexpr size_t kChangesKept = 1024;  // per resource; older ones come from the store

void SetRevision(api::Message& object, int64_t revision) {
  if (auto* meta = api::MutableMetaOf(object)) meta->set_resource_version(base::StrCat(revision));
}

}  // namespace

const std::string& ObjectChange::Json() const {
  std::call_once(json_once_, [this] { json_ = api::EncodeJson(*last); });
  return json_;
}
const std::string& ObjectChange::Proto() const {
  std::call_once(proto_once_, [this] { proto_ = api::EncodeProto(*last); });
  return proto_;
}

struct ObjectCache::Shard {
  const ResourceDescriptor* resource;
  std::string prefix;
  // The rest is guarded by the cache's lock.
  std::map<std::string, CachedObject, std::less<>> objects;
  std::deque<ChangePtr> changes;
  int64_t changes_after = 0;  // `changes` holds all of a later revision
  std::vector<std::shared_ptr<Subscription::Entry>> subscribers;
};

ObjectCache::ObjectCache(Store& store) : store_(store) {
  for (const ResourceDescriptor& resource : AllResources()) {
    if (!resource.stored || resource.view != nullptr) continue;
    auto shard = std::make_unique<Shard>();
    shard->resource = &resource;
    shard->prefix = resource.Key("", "");
    shards_.emplace(shard->prefix, std::move(shard));
  }
}
ObjectCache::~ObjectCache() = default;

absl::StatusOr<std::unique_ptr<ObjectCache>> ObjectCache::Make(Store& store) {
  std::unique_ptr<ObjectCache> cache(new ObjectCache(store));
  RETURN_IF_ERROR(cache->Load(), "reading the stored objects");
  return cache;
}

absl::StatusOr<ObjectPtr> ObjectCache::Decode(const ResourceDescriptor& resource,
                                              std::string_view value, int64_t revision) {
  std::unique_ptr<api::Message> object = resource.NewObject();
  if (object == nullptr) return base::Internal("no type for ", resource.kind);
  RETURN_IF_ERROR(api::DecodeProto(value, *object), "stored ", resource.plural);
  SetRevision(*object, revision);
  return ObjectPtr(std::move(object));
}

absl::Status ObjectCache::Load() {
  const int64_t revision =
      store_.Subscribe([this](const std::vector<Change>& changes) { Publish(changes); });
  for (auto& [prefix, shard] : shards_) {
    ASSIGN_OR_RETURN(const Page page, store_.List(prefix, {.revision = revision}));
    base::MutexLock lock(mu_);
    shard->changes_after = revision;
    for (const Record& record : page.records) {
      ASSIGN_OR_RETURN(ObjectPtr object, Decode(*shard->resource, record.value, record.revision));
      shard->objects[record.key] = {std::move(object), record.revision};
    }
  }
  base::MutexLock lock(mu_);
  revision_ = std::max(revision_, revision);
  return absl::OkStatus();
}

// Prefixes may nest ("/registry/services/specs/"), so the longest that fits counts.
ObjectCache::Shard* ObjectCache::ShardOfKey(std::string_view key) const {
  auto at = shards_.upper_bound(key);
  while (at != shards_.begin()) {
    --at;
    if (key.starts_with(at->first)) return at->second.get();
  }
  return nullptr;
}

ObjectCache::Shard& ObjectCache::ShardOf(const ResourceDescriptor& resource) const {
  return *shards_.find(resource.Storage().Key("", ""))->second;
}

void ObjectCache::Publish(const std::vector<Change>& changes) {
  std::vector<std::shared_ptr<Subscription::Entry>> woken;
  for (const Change& change : changes) {
    Shard* shard = ShardOfKey(change.key);
    auto out = std::make_shared<ObjectChange>();
    out->revision = change.revision;
    if (shard != nullptr && change.after != nullptr) {
      auto decoded = Decode(*shard->resource, *change.after, change.revision);
      if (!decoded.ok()) {
        BERTH_ERROR("a stored object cannot be read", {"key", change.key},
                    {"error", decoded.status()});
        shard = nullptr;
      } else {
        out->after = *std::move(decoded);
      }
    }
    base::MutexLock lock(mu_);
    revision_ = change.revision;
    if (shard == nullptr) continue;
    const auto known = shard->objects.find(change.key);
    if (known != shard->objects.end()) out->before = known->second.object;
    if (out->after != nullptr) {
      out->last = out->after;
      shard->objects[change.key] = {out->after, change.revision};
    } else if (known != shard->objects.end()) {
      std::unique_ptr<api::Message> last(out->before->New());
      last->CopyFrom(*out->before);
      SetRevision(*last, change.revision);
      out->last = std::move(last);
      shard->objects.erase(known);
    } else {
      continue;
    }
    if (const auto* meta = api::MetaOf(*out->last)) out->namespace_ = meta->namespace_();
    shard->changes.push_back(out);
    if (shard->changes.size() > kChangesKept) {
      shard->changes_after = shard->changes.front()->revision;
      shard->changes.pop_front();
    }
    for (const auto& entry : shard->subscribers) {
      if (change.revision <= entry->after) continue;
      entry->listener(out);
      if (std::find(woken.begin(), woken.end(), entry) == woken.end()) woken.push_back(entry);
    }
  }
  for (const auto& entry : woken) entry->flush();
}

absl::StatusOr<CachedObject> ObjectCache::Get(const ResourceDescriptor& resource,
                                              std::string_view namespace_,
                                              std::string_view name) const {
  const std::string key = resource.Storage().Key(namespace_, name);
  const Shard& shard = ShardOf(resource);
  base::MutexLock lock(mu_);
  const auto found = shard.objects.find(key);
  if (found == shard.objects.end()) return NotFoundError(resource.Subject(name));
  return found->second;
}

ObjectCache::Snapshot ObjectCache::List(const ResourceDescriptor& resource,
                                        std::string_view namespace_) const {
  const std::string prefix = resource.Storage().Key(namespace_, "");
  const Shard& shard = ShardOf(resource);
  Snapshot out;
  base::MutexLock lock(mu_);
  out.revision = revision_;
  for (auto at = shard.objects.lower_bound(prefix);
       at != shard.objects.end() && at->first.starts_with(prefix); ++at) {
    out.objects.push_back(at->second);
  }
  return out;
}

int64_t ObjectCache::revision() const {
  base::MutexLock lock(mu_);
  return revision_;
}

std::unique_ptr<ObjectCache::Subscription> ObjectCache::SubscribeNow(
    const ResourceDescriptor& resource, std::string_view namespace_, Listener listener, Flush flush,
    Snapshot& current) {
  auto out = std::make_unique<Subscription>();
  out->cache_ = this;
  out->shard_ = &ShardOf(resource);
  out->entry_ = std::make_shared<Subscription::Entry>(
      Subscription::Entry{std::move(listener), std::move(flush), 0});
  const std::string prefix = resource.Storage().Key(namespace_, "");
  base::MutexLock lock(mu_);
  current.revision = revision_;
  for (auto at = out->shard_->objects.lower_bound(prefix);
       at != out->shard_->objects.end() && at->first.starts_with(prefix); ++at) {
    current.objects.push_back(at->second);
  }
  out->shard_->subscribers.push_back(out->entry_);
  return out;
}

absl::StatusOr<std::unique_ptr<ObjectCache::Subscription>> ObjectCache::SubscribeFrom(
    const ResourceDescriptor& asked, int64_t revision, Listener listener, Flush flush) {
  auto out = std::make_unique<Subscription>();
  out->cache_ = this;
  out->shard_ = &ShardOf(asked);
  out->entry_ = std::make_shared<Subscription::Entry>(
      Subscription::Entry{std::move(listener), std::move(flush), 0});
  const Shard& shard = *out->shard_;
  int64_t kept_after = 0;
  {
    base::MutexLock lock(mu_);
    kept_after = shard.changes_after;
  }
  const ResourceDescriptor& resource = asked.Storage();
  // What the memory has forgotten, or never had since the last start, the store still knows.
  int64_t from = revision;
  if (revision < kept_after) {
    ASSIGN_OR_RETURN(const std::vector<Change> history, store_.History(shard.prefix, revision));
    for (const Change& change : history) {
      auto old = std::make_shared<ObjectChange>();
      old->revision = from = change.revision;
      if (change.before != nullptr) {
        ASSIGN_OR_RETURN(old->before, Decode(resource, *change.before,
                                             change.after == nullptr ? change.revision
                                                                     : change.before_revision));
      }
      if (change.after != nullptr) {
        ASSIGN_OR_RETURN(old->after, Decode(resource, *change.after, change.revision));
      }
      old->last = old->after != nullptr ? old->after : old->before;
      if (old->last == nullptr) continue;
      if (const auto* meta = api::MetaOf(*old->last)) old->namespace_ = meta->namespace_();
      out->entry_->listener(old);
    }
    from = std::max(from, kept_after);
  }
  base::MutexLock lock(mu_);
  if (shard.changes_after > from) {
    return base::MakeStatus(absl::StatusCode::kOutOfRange, "revision ", from, " went by");
  }
  out->entry_->after = from;
  for (const ChangePtr& change : shard.changes) {
    if (change->revision > from) out->entry_->listener(change);
  }
  out->shard_->subscribers.push_back(out->entry_);
  return out;
}

ObjectCache::Subscription::~Subscription() {
  if (cache_ == nullptr || entry_ == nullptr) return;
  base::MutexLock lock(cache_->mu_);
  auto& all = shard_->subscribers;
  all.erase(std::remove(all.begin(), all.end(), entry_), all.end());
}

}  // namespace berth::controlplane
