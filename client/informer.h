// SPDX-License-Identifier: Apache-2.0
// A local copy of the objects of one resource, kept fresh by list + watch: resumes where a watch
// ended, follows bookmarks, lists again on 410, backs off when the server is away. Handlers hear
// keys, never objects; they read the latest state from the store. Objects are immutable snapshots.
// Thread-safe.
#ifndef BERTH_CLIENT_INFORMER_H_
#define BERTH_CLIENT_INFORMER_H_

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "base/clock.h"
#include "base/executor.h"
#include "client/api_client.h"
#include "client/resource.h"

namespace berth::client {

struct InformerOptions {
  std::string namespace_;  // "" is all
  std::string label_selector;
  std::string field_selector;
};

// Untyped; Informer<T> below is what callers use.
class InformerBase {
 public:
  // A key, and the object before and after; nullptr where there was none or is none any more.
  using Snapshot = std::shared_ptr<const api::Message>;
  using ChangeHandler =
      std::function<void(const std::string& key, const Snapshot& before, const Snapshot& after)>;

  InformerBase(ApiClient& api, base::Executor& executor, base::Clock& clock,
               const Resource& resource, InformerOptions options, const api::Message& prototype);
  ~InformerBase();  // stops the watch; no handler runs afterwards
  InformerBase(const InformerBase&) = delete;
  InformerBase& operator=(const InformerBase&) = delete;

  // Before Start(). Handlers run one at a time and must be short: put the key on a queue. A key
  // comes as "namespace/name", or "name".
  void OnChange(std::function<void(const std::string& key)> handler);
  void OnChangeWithObjects(ChangeHandler handler);
  void Start();
  bool HasSynced() const;  // the first list is complete and has been handed out
  // Waits for HasSynced; false when `timeout` passed first.
  bool WaitForSync(absl::Duration timeout) const;
  Snapshot GetAny(std::string_view key) const;  // nullptr when absent
  std::vector<Snapshot> ListAny() const;
  size_t size() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

template <class T>
class Informer : public InformerBase {
 public:
  Informer(ApiClient& api, base::Executor& executor, base::Clock& clock, const Resource& resource,
           InformerOptions options = {})
      : InformerBase(api, executor, clock, resource, std::move(options), T::default_instance()) {}

  std::shared_ptr<const T> Get(std::string_view key) const {
    return std::static_pointer_cast<const T>(GetAny(key));
  }
  std::vector<std::shared_ptr<const T>> List() const {
    std::vector<std::shared_ptr<const T>> out;
    for (auto& object : ListAny()) out.push_back(std::static_pointer_cast<const T>(object));
    return out;
  }
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_INFORMER_H_
