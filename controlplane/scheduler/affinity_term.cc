// SPDX-License-Identifier: Apache-2.0
#include "controlplane/scheduler/affinity_term.h"

#include <algorithm>

#include "api/proto/core/v1/node.pb.h"
#include "api/proto/core/v1/pod.pb.h"

namespace berth::controlplane {

using api::core::v1::Node;
using api::core::v1::Pod;
using api::core::v1::PodAffinityTerm;

namespace {

api::LabelSelector SelectorOf(bool present, const api::meta::v1::LabelSelector& message) {
  if (!present) return api::LabelSelector::Nothing();
  auto selector = api::LabelSelector::Of(message);
  return selector.ok() ? *std::move(selector) : api::LabelSelector::Nothing();
}

}  // namespace

AffinityTerm::AffinityTerm(const Pod& owner, const PodAffinityTerm& term, int weight)
    : owner_(owner),
      term_(term),
      pods_(SelectorOf(term.has_label_selector(), term.label_selector())),
      namespaces_(SelectorOf(term.has_namespace_selector(), term.namespace_selector())),
      weight_(weight) {}

// Neither names nor a selector mean the owner's namespace; an empty selector means all.
bool AffinityTerm::InNamespace(std::string_view name, const ClusterSnapshot& cluster) const {
  const auto& names = term_.namespaces();
  if (names.empty() && !term_.has_namespace_selector()) {
    return name == owner_.metadata().namespace_();
  }
  if (std::find(names.begin(), names.end(), name) != names.end()) return true;
  return namespaces_.Matches(cluster.NamespaceLabels(name));
}

bool AffinityTerm::Concerns(const Pod& other, const ClusterSnapshot& cluster) const {
  const auto& labels = other.metadata().labels();
  if (!pods_.Matches(labels)) return false;
  const auto same_as_owner = [&](const std::string& key) {
    const auto mine = owner_.metadata().labels().find(key);
    if (mine == owner_.metadata().labels().end()) return std::optional<bool>();
    const auto theirs = labels.find(key);
    return std::optional<bool>(theirs != labels.end() && theirs->second == mine->second);
  };
  for (const auto& key : term_.match_label_keys()) {
    if (same_as_owner(key) == false) return false;
  }
  for (const auto& key : term_.mismatch_label_keys()) {
    if (same_as_owner(key) == true) return false;
  }
  return InNamespace(other.metadata().namespace_(), cluster);
}

std::optional<std::string_view> AffinityTerm::Domain(const Node& node) const {
  const auto it = node.metadata().labels().find(term_.topology_key());
  if (it == node.metadata().labels().end()) return std::nullopt;
  return it->second;
}

AffinityTerms TermsOf(const Pod& pod) {
  AffinityTerms terms;
  const auto& near = pod.spec().affinity().pod_affinity();
  const auto& away = pod.spec().affinity().pod_anti_affinity();
  for (const auto& term : near.required_during_scheduling_ignored_during_execution()) {
    terms.required.emplace_back(pod, term);
  }
  for (const auto& term : away.required_during_scheduling_ignored_during_execution()) {
    terms.required_anti.emplace_back(pod, term);
  }
  for (const auto& term : near.preferred_during_scheduling_ignored_during_execution()) {
    terms.preferred.emplace_back(pod, term.pod_affinity_term(), term.weight());
  }
  for (const auto& term : away.preferred_during_scheduling_ignored_during_execution()) {
    terms.preferred.emplace_back(pod, term.pod_affinity_term(), -term.weight());
  }
  return terms;
}

}  // namespace berth::controlplane
