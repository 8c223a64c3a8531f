// SPDX-License-Identifier: Apache-2.0
#include "client/informer.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "client/reflector.h"

namespace berth::client {

class InformerBase::Impl {
 public:
  void Synced() {
    base::MutexLock lock(mu);
    synced = true;
    cv.NotifyAll();
  }

  ObjectStore store;
  std::vector<ChangeHandler> handlers;  // unchanged once started
  std::shared_ptr<Reflector> reflector;
  base::Mutex mu;
  base::CondVar cv;
  std::atomic<bool> synced = false;
};

InformerBase::InformerBase(ApiClient& api, base::Executor& executor, base::Clock& clock,
                           const Resource& resource, InformerOptions options,
                           const api::Message& prototype)
    : impl_(std::make_shared<Impl>()) {
  Reflector::Options reflector{.resource = resource,
                               .scope = std::move(options),
                               .prototype = &prototype,
                               .changed = nullptr,
                               .synced = nullptr};
  // A handler may destroy the informer it belongs to; the call it is in still needs `impl`.
  reflector.changed = [weak = std::weak_ptr<Impl>(impl_)](const ObjectStore::Change& change) {
    const auto impl = weak.lock();
    if (impl == nullptr) return;
    for (const auto& handler : impl->handlers) handler(change.key, change.before, change.after);
  };
  reflector.synced = [weak = std::weak_ptr<Impl>(impl_)] {
    if (const auto impl = weak.lock()) impl->Synced();
  };
  impl_->reflector = std::make_shared<Reflector>(api.transport(), executor, clock, impl_->store,
                                                 std::move(reflector));
}

InformerBase::~InformerBase() { impl_->reflector->Stop(); }

void InformerBase::OnChange(std::function<void(const std::string& key)> handler) {
  impl_->handlers.push_back([handler = std::move(handler)](const std::string& key, const Snapshot&,
                                                           const Snapshot&) { handler(key); });
}

void InformerBase::OnChangeWithObjects(ChangeHandler handler) {
  impl_->handlers.push_back(std::move(handler));
}

void InformerBase::Start() { impl_->reflector->Start(); }

bool InformerBase::HasSynced() const { return impl_->synced; }

bool InformerBase::WaitForSync(absl::Duration timeout) const {
  const auto end = std::chrono::steady_clock::now() +
                   absl::ToChronoNanoseconds(std::min(timeout, absl::Hours(24 * 365)));
  base::MutexLock lock(impl_->mu);
  while (!impl_->synced) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) return false;
    impl_->cv.WaitFor(impl_->mu, absl::FromChrono(left));
  }
  return true;
}

InformerBase::Snapshot InformerBase::GetAny(std::string_view key) const {
  return impl_->store.Get(key);
}
std::vector<InformerBase::Snapshot> InformerBase::ListAny() const { return impl_->store.List(); }
size_t InformerBase::size() const { return impl_->store.size(); }

}  // namespace berth::client
