// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/index.h"

#include "api/proto/meta/v1/object_meta.pb.h"
#include "controlplane/controllers/ownership.h"

namespace berth::controlplane {

void Index::Apply(const std::string& key, const Snapshot& before, const Snapshot& after) {
  const std::vector<std::string> old = before ? terms_of_(*before) : std::vector<std::string>();
  const std::vector<std::string> now = after ? terms_of_(*after) : std::vector<std::string>();
  base::MutexLock l(mu_);
  for (const std::string& term : old) {
    const auto it = by_term_.find(term);
    if (it == by_term_.end()) continue;
    it->second.erase(key);
    if (it->second.empty()) by_term_.erase(it);
  }
  for (const std::string& term : now) by_term_[term].insert_or_assign(key, after);
}

std::vector<Index::Snapshot> Index::FindAny(std::string_view term) const {
  std::vector<Snapshot> out;
  base::MutexLock l(mu_);
  const auto it = by_term_.find(term);
  if (it == by_term_.end()) return out;
  out.reserve(it->second.size());
  for (const auto& [key, object] : it->second) out.push_back(object);
  return out;
}

std::string OwnedTerm(std::string_view controller_uid) {
  return base::StrCat("owner/", controller_uid);
}
std::string OrphanTerm(std::string_view namespace_) { return base::StrCat("orphan/", namespace_); }
std::string NamespaceTerm(std::string_view namespace_) { return base::StrCat("in/", namespace_); }
std::string NodeTerm(std::string_view node) { return base::StrCat("node/", node); }
std::string ServiceTerm(std::string_view namespace_, std::string_view service) {
  return base::StrCat("service/", namespace_, "/", service);
}

std::vector<std::string> OwnerTerms(const api::Message& object) {
  const api::meta::v1::ObjectMeta& meta = *api::MetaOf(object);
  const std::string_view owner = ControllerUid(meta);
  return {owner.empty() ? OrphanTerm(meta.namespace_()) : OwnedTerm(owner),
          NamespaceTerm(meta.namespace_())};
}

}  // namespace berth::controlplane
