// SPDX-License-Identifier: Apache-2.0
#include "controlplane/auth/role_rules.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <string>

#include "api/proto/rbac/v1/rbac.pb.h"
#include "api/selector.h"

namespace berth::controlplane {
namespace {

using api::rbac::v1::ClusterRole;
using api::rbac::v1::ClusterRoleBinding;
using api::rbac::v1::PolicyRule;
using google::protobuf::util::MessageDifferencer;
using Rules = google::protobuf::RepeatedPtrField<PolicyRule>;

constexpr const char* kAutoUpdate = "rbac.authorization.kubernetes.io/autoupdate";

template <class Range>
bool Has(const Range& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}
template <class Range>
bool HasAll(const Range& all, const Range& wanted) {
  return Has(all, "*") || std::all_of(wanted.begin(), wanted.end(),
                                      [&](const std::string& one) { return Has(all, one); });
}

bool CoversPath(const PolicyRule& rule, std::string_view path) {
  return std::any_of(rule.non_resource_urls().begin(), rule.non_resource_urls().end(),
                     [path](std::string_view url) {
                       if (url == path) return true;
                       return url.ends_with('*') && path.starts_with(url.substr(0, url.size() - 1));
                     });
}

// One permission of `wanted` (a rule with one member in each list) is among those of `rule`.
bool Covers(const PolicyRule& rule, const PolicyRule& wanted) {
  if (!HasAll(rule.verbs(), wanted.verbs())) return false;
  if (!wanted.non_resource_urls().empty()) {
    return std::all_of(wanted.non_resource_urls().begin(), wanted.non_resource_urls().end(),
                       [&](const std::string& url) { return CoversPath(rule, url); });
  }
  return !rule.resources().empty() && HasAll(rule.api_groups(), wanted.api_groups()) &&
         HasAll(rule.resources(), wanted.resources()) &&
         (rule.resource_names().empty() ||
          (!wanted.resource_names().empty() &&
           HasAll(rule.resource_names(), wanted.resource_names())));
}

// A rule's permissions one by one, but for the names, which go together.
std::vector<PolicyRule> Single(const PolicyRule& rule) {
  std::vector<PolicyRule> out;
  for (const std::string& verb : rule.verbs()) {
    for (const std::string& path : rule.non_resource_urls()) {
      PolicyRule& one = out.emplace_back();
      one.add_verbs(verb);
      one.add_non_resource_urls(path);
    }
    for (const std::string& group : rule.api_groups()) {
      for (const std::string& resource : rule.resources()) {
        PolicyRule& one = out.emplace_back();
        one.add_verbs(verb);
        one.add_api_groups(group);
        one.add_resources(resource);
        *one.mutable_resource_names() = rule.resource_names();
      }
    }
  }
  return out;
}

template <class AnyRules>
bool Covered(const AnyRules& rules, const PolicyRule& wanted) {
  const auto single = Single(wanted);
  return std::all_of(single.begin(), single.end(), [&](const PolicyRule& one) {
    return std::any_of(rules.begin(), rules.end(),
                       [&](const PolicyRule& rule) { return Covers(rule, one); });
  });
}

template <class Map>
bool AddEntries(const Map& wanted, Map& stored) {
  bool added = false;
  for (const auto& [key, value] : wanted) added |= stored.insert({key, value}).second;
  return added;
}

template <class T>
bool IsKept(const T& stored) {
  const auto found = stored.metadata().annotations().find(kAutoUpdate);
  return found != stored.metadata().annotations().end() && found->second == "false";
}

template <class T>
bool AddMarks(const T& wanted, T& stored) {
  auto& meta = *stored.mutable_metadata();
  const bool labels = AddEntries(wanted.metadata().labels(), *meta.mutable_labels());
  const bool notes = AddEntries(wanted.metadata().annotations(), *meta.mutable_annotations());
  return labels || notes;
}

bool Chooses(const ClusterRole& aggregated, const ClusterRole& role) {
  const auto& selectors = aggregated.aggregation_rule().cluster_role_selectors();
  return std::any_of(selectors.begin(), selectors.end(), [&](const auto& selector) {
    const auto parsed = api::LabelSelector::Of(selector);
    return parsed.ok() && parsed->Matches(role);
  });
}

bool SameRules(const Rules& a, const Rules& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](const PolicyRule& x, const PolicyRule& y) {
           return MessageDifferencer::Equals(x, y);
         });
}

}  // namespace

bool IsSomebodysOwn(const ClusterRoleBinding& stored) { return IsKept(stored); }

bool AddMissing(const ClusterRole& wanted, ClusterRole& stored) {
  if (IsKept(stored)) return false;
  bool changed = AddMarks(wanted, stored);
  if (wanted.has_aggregation_rule()) {
    // Its rules come from others.
    if (!stored.has_aggregation_rule()) {
      *stored.mutable_aggregation_rule() = wanted.aggregation_rule();
      changed = true;
    }
    return changed;
  }
  for (const PolicyRule& rule : wanted.rules()) {
    if (Covered(stored.rules(), rule)) continue;
    *stored.add_rules() = rule;
    changed = true;
  }
  return changed;
}

bool AddMissing(const ClusterRoleBinding& wanted, ClusterRoleBinding& stored) {
  if (IsKept(stored)) return false;
  bool changed = AddMarks(wanted, stored);
  for (const auto& subject : wanted.subjects()) {
    if (std::any_of(stored.subjects().begin(), stored.subjects().end(), [&](const auto& there) {
          return MessageDifferencer::Equivalent(there, subject);
        })) {
      continue;
    }
    *stored.add_subjects() = subject;
    changed = true;
  }
  return changed;
}

std::vector<PolicyRule> Uncovered(const std::vector<PolicyRule>& owned,
                                  const std::vector<PolicyRule>& wanted) {
  std::vector<PolicyRule> out;
  for (const PolicyRule& rule : wanted) {
    if (!Covered(owned, rule)) out.push_back(rule);
  }
  return out;
}

bool Aggregate(const std::vector<const ClusterRole*>& all, ClusterRole& role) {
  if (!role.has_aggregation_rule()) return false;
  std::vector<const ClusterRole*> chosen;
  for (const ClusterRole* other : all) {
    if (other->metadata().name() != role.metadata().name() && Chooses(role, *other)) {
      chosen.push_back(other);
    }
  }
  std::sort(chosen.begin(), chosen.end(), [](const ClusterRole* a, const ClusterRole* b) {
    return a->metadata().name() < b->metadata().name();
  });
  Rules rules;
  for (const ClusterRole* other : chosen) {
    for (const PolicyRule& rule : other->rules()) {
      const bool there = std::any_of(rules.begin(), rules.end(), [&](const PolicyRule& known) {
        return MessageDifferencer::Equals(known, rule);
      });
      if (!there) *rules.Add() = rule;
    }
  }
  if (SameRules(rules, role.rules())) return false;
  role.mutable_rules()->Swap(&rules);
  return true;
}

}  // namespace berth::controlplane
