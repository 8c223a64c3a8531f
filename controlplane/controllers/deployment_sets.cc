// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/deployment_sets.h"

#include <algorithm>
#include <array>

#include "api/proto/apps/v1/apps.pb.h"
#include "base/strings.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/controllers/pod_template.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::Deployment;
using api::apps::v1::ReplicaSet;
using api::meta::v1::ObjectMeta;

// Annotations that belong to one object and are not copied to the other.
bool StaysOnDeployment(std::string_view key) {
  constexpr std::array<std::string_view, 6> kOwn = {
      "kubectl.kubernetes.io/last-applied-configuration",
      kRevisionAnnotation,
      kRevisionHistoryAnnotation,
      kDesiredReplicasAnnotation,
      kMaxReplicasAnnotation,
      "deprecated.deployment.rollback.revision"};
  return std::find(kOwn.begin(), kOwn.end(), key) != kOwn.end();
}

bool SetAnnotation(ObjectMeta& meta, std::string_view key, std::string value) {
  auto& slot = (*meta.mutable_annotations())[std::string(key)];
  if (slot == value) return false;
  slot = std::move(value);
  return true;
}

bool CopyAnnotations(const Deployment& deployment, ReplicaSet& set) {
  bool changed = false;
  for (const auto& [key, value] : deployment.metadata().annotations()) {
    if (StaysOnDeployment(key)) continue;
    const auto& there = set.metadata().annotations();
    const auto it = there.find(key);
    if (it != there.end() && it->second == value) continue;
    (*set.mutable_metadata()->mutable_annotations())[key] = value;
    changed = true;
  }
  return changed;
}

bool RaiseRevision(int64_t revision, ReplicaSet& set) {
  const int64_t old = RevisionOf(set.metadata());
  if (old >= revision) return false;
  if (old > 0) {  // the set becomes current again: remember the revision it had
    auto& history =
        (*set.mutable_metadata()->mutable_annotations())[std::string(kRevisionHistoryAnnotation)];
    base::StrAppend(history, history.empty() ? "" : ",", old);
  }
  SetAnnotation(*set.mutable_metadata(), kRevisionAnnotation, base::StrCat(revision));
  return true;
}

}  // namespace

RolloutSets SortSets(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets) {
  RolloutSets sorted;
  for (const ReplicaSetPtr& set : sets) sorted.old.push_back(set.get());
  std::sort(sorted.old.begin(), sorted.old.end(), [](const ReplicaSet* a, const ReplicaSet* b) {
    const absl::Time at = ToTime(a->metadata().creation_timestamp());
    const absl::Time bt = ToTime(b->metadata().creation_timestamp());
    return at != bt ? at < bt : a->metadata().name() < b->metadata().name();
  });
  const auto current =
      std::find_if(sorted.old.begin(), sorted.old.end(), [&](const ReplicaSet* set) {
        return SameTemplate(set->spec().template_(), deployment.spec().template_());
      });
  if (current != sorted.old.end()) {
    sorted.current = *current;
    sorted.old.erase(current);
  }
  return sorted;
}

int64_t RevisionOf(const ObjectMeta& meta) {
  const auto it = meta.annotations().find(std::string(kRevisionAnnotation));
  return it == meta.annotations().end() ? 0 : base::ParseInt<int64_t>(it->second).value_or(0);
}

int64_t NextRevision(const std::vector<const ReplicaSet*>& old) {
  int64_t most = 0;
  for (const ReplicaSet* set : old) most = std::max(most, RevisionOf(set->metadata()));
  return most + 1;
}

std::optional<int> AnnotatedNumber(const ReplicaSet& set, std::string_view key) {
  const auto it = set.metadata().annotations().find(std::string(key));
  if (it == set.metadata().annotations().end()) return std::nullopt;
  return base::ParseInt<int>(it->second);
}

ReplicaSet MakeReplicaSet(const Deployment& deployment, std::string_view hash, int64_t revision,
                          int replicas) {
  ReplicaSet set;
  auto& meta = *set.mutable_metadata();
  meta.set_name(base::StrCat(deployment.metadata().name(), "-", hash));
  meta.set_namespace_(deployment.metadata().namespace_());
  auto& spec = *set.mutable_spec();
  spec.set_min_ready_seconds(deployment.spec().min_ready_seconds());
  *spec.mutable_template_() = deployment.spec().template_();
  auto& labels = *spec.mutable_template_()->mutable_metadata()->mutable_labels();
  labels[std::string(kPodTemplateHash)] = std::string(hash);
  *meta.mutable_labels() = labels;
  *spec.mutable_selector() = deployment.spec().selector();
  (*spec.mutable_selector()->mutable_match_labels())[std::string(kPodTemplateHash)] =
      std::string(hash);
  AddControllerRef(deployment, meta);
  RefreshCurrentSet(deployment, revision, set);
  Resize(deployment, replicas, set);
  return set;
}

bool RefreshCurrentSet(const Deployment& deployment, int64_t revision, ReplicaSet& set) {
  bool changed = CopyAnnotations(deployment, set);
  changed |= RaiseRevision(revision, set);
  if (set.spec().min_ready_seconds() != deployment.spec().min_ready_seconds()) {
    set.mutable_spec()->set_min_ready_seconds(deployment.spec().min_ready_seconds());
    changed = true;
  }
  return changed;
}

bool Resize(const Deployment& deployment, int replicas, ReplicaSet& set) {
  const int desired = ReplicasOf(deployment);
  auto& meta = *set.mutable_metadata();
  bool changed = SetAnnotation(meta, kDesiredReplicasAnnotation, base::StrCat(desired));
  changed |=
      SetAnnotation(meta, kMaxReplicasAnnotation, base::StrCat(desired + MaxSurge(deployment)));
  if (set.spec().has_replicas() && set.spec().replicas() == replicas) return changed;
  set.mutable_spec()->set_replicas(replicas);
  return true;
}

}  // namespace berth::controlplane
