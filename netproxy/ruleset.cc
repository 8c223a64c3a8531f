// SPDX-License-Identifier: Apache-2.0
#include "netproxy/ruleset.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "netproxy/frontend_elements.h"

namespace berth::netproxy {
namespace {

// Elements of one set belong together in a transaction's messages.
bool BySet(const Element& a, const Element& b) {
  return std::pair(a.kind(), a.param()) < std::pair(b.kind(), b.param());
}

bool Missing(const std::vector<Endpoint>& from, const std::vector<Endpoint>& of) {
  return std::any_of(of.begin(), of.end(), [&](const Endpoint& endpoint) {
    return std::find(from.begin(), from.end(), endpoint) == from.end();
  });
}

// Flows or clients that were sent to an endpoint that is no more, or to none.
bool LostEndpoints(const Frontend* before, const Frontend& after) {
  if (after.endpoints.empty()) return false;
  if (before == nullptr || before->endpoints.empty()) return true;
  if (before->affinity_seconds != after.affinity_seconds) return true;  // nobody looked meanwhile
  return Missing(after.endpoints, before->endpoints) ||
         before->local_policy != after.local_policy ||
         Missing(after.local_endpoints, before->local_endpoints);
}

}  // namespace

void Ruleset::TrackChanges(bool track) {
  track_ = track;
  pending_.clear();
}

void Ruleset::Touch(const Element& element, bool there_before, bool there_after) {
  if (!track_) return;
  const auto [it, first] = pending_.try_emplace(element.Place());
  Pending& pending = it->second;
  if (first && there_before) pending.before = element;
  if (there_after) {
    pending.after = element;
  } else {
    pending.after.reset();
  }
}

void Ruleset::Share(const Element& element, int by) {
  int& users = shared_[element];
  const bool before = users > 0;
  users += by;
  const bool after = users > 0;
  if (!after) shared_.erase(element);
  if (before != after) Touch(element, before, after);
}

void Ruleset::Switch(const Frontend* before, const Frontend* after) {
  if (before != nullptr && after != nullptr && *before == *after) return;
  if (after != nullptr) {
    for (const Element& e : SharedElements(*after)) Share(e, 1);
    if (after->affinity_seconds != 0) ++affinity_[after->affinity_seconds];
  }
  if (before != nullptr) {
    for (const Element& e : SharedElements(*before)) Share(e, -1);
    if (before->affinity_seconds != 0 && --affinity_[before->affinity_seconds] == 0) {
      affinity_.erase(before->affinity_seconds);
    }
  }
  if (track_) TouchOwn(before, after);
  if (after == nullptr) return;
  const bool udp = after->key.protocol == Protocol::kUdp;
  const bool affinity = after->affinity_seconds != 0;
  if ((udp || affinity) && LostEndpoints(before, *after)) {
    if (udp) consequences_.udp.insert(after->key);
    if (affinity) consequences_.affinity.insert(after->key);
  }
}

void Ruleset::TouchOwn(const Frontend* before, const Frontend* after) {
  auto old_elements = before == nullptr ? std::vector<Element>() : OwnElements(*before);
  auto new_elements = after == nullptr ? std::vector<Element>() : OwnElements(*after);
  std::sort(old_elements.begin(), old_elements.end());
  std::sort(new_elements.begin(), new_elements.end());
  const Change change = Difference(old_elements, new_elements);
  for (const Element& e : change.remove) Touch(e, true, false);
  for (const Element& e : change.add) Touch(e, false, true);
}

void Ruleset::Update(std::string_view service, std::vector<Frontend> frontends) {
  const auto known = services_.find(service);
  std::vector<FrontendKey> old_keys;
  if (known != services_.end()) old_keys = known->second;

  std::vector<FrontendKey> keys;
  for (Frontend& frontend : frontends) {
    if (std::find(keys.begin(), keys.end(), frontend.key) != keys.end()) continue;
    keys.push_back(frontend.key);
    Claims& claims = claims_[frontend.key];
    std::optional<Frontend> before;
    if (!claims.empty()) before = claims.front().frontend;
    auto at = std::lower_bound(claims.begin(), claims.end(), service,
                               [](const Claim& c, std::string_view s) { return c.service < s; });
    const bool mine = at != claims.end() && at->service == service;
    frontend.endpoints = KeepSlots(mine ? at->frontend.endpoints : std::vector<Endpoint>(),
                                   std::move(frontend.endpoints));
    frontend.local_endpoints =
        KeepSlots(mine ? at->frontend.local_endpoints : std::vector<Endpoint>(),
                  std::move(frontend.local_endpoints));
    if (mine) {
      at->frontend = std::move(frontend);
    } else {
      claims.insert(at, {std::string(service), std::move(frontend)});
    }
    Switch(before ? &*before : nullptr, &claims.front().frontend);
  }

  for (const FrontendKey& key : old_keys) {
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
    const auto it = claims_.find(key);
    Claims& claims = it->second;
    const Frontend before = claims.front().frontend;
    std::erase_if(claims, [&](const Claim& c) { return c.service == service; });
    Switch(&before, claims.empty() ? nullptr : &claims.front().frontend);
    if (claims.empty()) claims_.erase(it);
  }

  if (keys.empty()) {
    if (known != services_.end()) services_.erase(known);
  } else {
    services_[service] = std::move(keys);
  }
}

Change Ruleset::TakeChange(Consequences& consequences) {
  Change out;
  for (auto& [place, pending] : pending_) {
    if (pending.before == pending.after) continue;
    if (pending.before.has_value()) out.remove.push_back(*pending.before);
    if (pending.after.has_value()) out.add.push_back(*pending.after);
  }
  pending_.clear();
  std::sort(out.remove.begin(), out.remove.end(), BySet);
  std::sort(out.add.begin(), out.add.end(), BySet);
  consequences = std::exchange(consequences_, {});
  return out;
}

std::vector<Element> Ruleset::All() const {
  std::vector<Element> out;
  for (const auto& [key, claims] : claims_) {
    for (Element& e : OwnElements(claims.front().frontend)) out.push_back(e);
  }
  for (const auto& [element, users] : shared_) out.push_back(element);
  std::sort(out.begin(), out.end());
  return out;
}

const Frontend* Ruleset::Find(const FrontendKey& key) const {
  const auto it = claims_.find(key);
  return it == claims_.end() ? nullptr : &it->second.front().frontend;
}

std::set<uint32_t> Ruleset::AffinitySeconds() const {
  std::set<uint32_t> out;
  for (const auto& [seconds, count] : affinity_) out.insert(seconds);
  return out;
}

std::vector<std::string> Ruleset::ServiceNames() const {
  std::vector<std::string> out;
  for (const auto& [name, keys] : services_) out.push_back(name);
  return out;
}

Change Difference(const std::vector<Element>& present, const std::vector<Element>& wanted) {
  Change out;
  std::set_difference(present.begin(), present.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(out.remove));
  std::set_difference(wanted.begin(), wanted.end(), present.begin(), present.end(),
                      std::back_inserter(out.add));
  std::sort(out.remove.begin(), out.remove.end(), BySet);
  std::sort(out.add.begin(), out.add.end(), BySet);
  return out;
}

}  // namespace berth::netproxy
