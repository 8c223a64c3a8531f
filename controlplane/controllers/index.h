// SPDX-License-Identifier: Apache-2.0
// Objects of an informer by something else than their key: by owner, by node, by namespace. Kept up
// from change events, so a lookup costs what it finds. Thread-safe.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_INDEX_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_INDEX_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/strings.h"
#include "client/informer.h"

namespace berth::controlplane {

class Index {
 public:
  using Snapshot = client::InformerBase::Snapshot;
  using TermsOf = std::function<std::vector<std::string>(const api::Message&)>;

  explicit Index(TermsOf terms_of) : terms_of_(std::move(terms_of)) {}

  void Apply(const std::string& key, const Snapshot& before, const Snapshot& after);

  // In the order of keys.
  std::vector<Snapshot> FindAny(std::string_view term) const;
  template <class T>
  std::vector<std::shared_ptr<const T>> Find(std::string_view term) const {
    std::vector<std::shared_ptr<const T>> out;
    for (Snapshot& object : FindAny(term)) {
      out.push_back(std::static_pointer_cast<const T>(std::move(object)));
    }
    return out;
  }

 private:
  const TermsOf terms_of_;
  mutable base::Mutex mu_;
  base::StringMap<std::map<std::string, Snapshot>> by_term_ BERTH_GUARDED_BY(mu_);
};

// Terms that the controllers' indexes use.
std::string OwnedTerm(std::string_view controller_uid);
std::string OrphanTerm(std::string_view namespace_);  // objects that nobody controls
std::string NamespaceTerm(std::string_view namespace_);
std::string NodeTerm(std::string_view node);
std::string ServiceTerm(std::string_view namespace_, std::string_view service);

// By controller (or as an orphan) and by namespace.
std::vector<std::string> OwnerTerms(const api::Message& object);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_INDEX_H_
