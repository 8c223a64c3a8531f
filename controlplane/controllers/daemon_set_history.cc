// SPDX-License-Identifier: Apache-2.0
#include "controlplane/controllers/daemon_set_history.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "api/codec.h"
#include "api/proto/apps/v1/apps.pb.h"
#include "api/proto/core/v1/pod.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "controlplane/controllers/daemon_set_plan.h"
#include "controlplane/controllers/ownership.h"
#include "controlplane/controllers/pod_template.h"

namespace berth::controlplane {
namespace {

using api::apps::v1::ControllerRevision;
using api::apps::v1::DaemonSet;
using nlohmann::json;
using RevisionPtr = std::shared_ptr<const ControllerRevision>;

std::string HashOf(const api::meta::v1::ObjectMeta& meta) {
  const auto it = meta.labels().find(std::string(kRevisionHash));
  return it == meta.labels().end() ? "" : it->second;
}

// Oldest revision first.
std::vector<RevisionPtr> RevisionsOf(const Context& context, const DaemonSet& set) {
  auto all =
      context.informers.revision_index.Find<ControllerRevision>(OwnedTerm(set.metadata().uid()));
  std::sort(all.begin(), all.end(), [](const RevisionPtr& a, const RevisionPtr& b) {
    return a->revision() < b->revision();
  });
  return all;
}

bool SameData(const ControllerRevision& revision, const std::string& patch) {
  return json::parse(revision.data().raw(), nullptr, false) == json::parse(patch, nullptr, false);
}

ControllerRevision MakeRevision(const DaemonSet& set, const std::string& hash,
                                const std::string& patch, int64_t number) {
  ControllerRevision revision;
  auto& meta = *revision.mutable_metadata();
  meta.set_name(base::StrCat(set.metadata().name(), "-", hash));
  meta.set_namespace_(set.metadata().namespace_());
  *meta.mutable_labels() = set.spec().template_().metadata().labels();
  (*meta.mutable_labels())[std::string(kRevisionHash)] = hash;
  *meta.mutable_annotations() = set.metadata().annotations();
  AddControllerRef(set, meta);
  revision.mutable_data()->set_raw(patch);
  revision.set_revision(number);
  return revision;
}

absl::Status ResolveCollision(Context& context, const DaemonSet& set, const std::string& name,
                              const std::string& patch) {
  ControllerRevision there;
  RETURN_IF_ERROR(
      context.api.Get(client::kControllerRevisions, set.metadata().namespace_(), name, there));
  if (ControllerUid(there.metadata()) == set.metadata().uid() && SameData(there, patch)) {
    return absl::AbortedError("the revision is about to be seen");
  }
  DaemonSet changed = set;
  changed.mutable_status()->set_collision_count(set.status().collision_count() + 1);
  RETURN_IF_ERROR(context.api.UpdateStatus(client::kDaemonSets, changed, nullptr));
  return absl::AbortedError("another revision has the name; trying the next one");
}

}  // namespace

std::string TemplatePatch(const DaemonSet& set) {
  json pod_template = json::parse(api::EncodeJson(set.spec().template_()), nullptr, false);
  pod_template["$patch"] = "replace";
  return json{{"spec", {{"template", std::move(pod_template)}}}}.dump();
}

absl::StatusOr<std::string> EnsureRevision(Context& context, const DaemonSet& set) {
  const std::string patch = TemplatePatch(set);
  const std::vector<RevisionPtr> all = RevisionsOf(context, set);
  const int64_t newest = all.empty() ? 0 : all.back()->revision();
  for (const RevisionPtr& known : all) {
    if (!SameData(*known, patch)) continue;
    if (known->revision() < newest) {  // the set went back to it
      ControllerRevision raised = *known;
      raised.set_revision(newest + 1);
      RETURN_IF_ERROR(context.api.Update(client::kControllerRevisions, raised, nullptr));
    }
    return HashOf(known->metadata());
  }
  const std::string hash = HashTemplate(set.spec().template_(), set.status().collision_count());
  const ControllerRevision made = MakeRevision(set, hash, patch, newest + 1);
  const absl::Status status = context.api.Create(client::kControllerRevisions, made, nullptr);
  if (absl::IsAlreadyExists(status)) {
    RETURN_IF_ERROR(ResolveCollision(context, set, made.metadata().name(), patch));
  }
  RETURN_IF_ERROR(status, "creating revision ", made.metadata().name());
  return hash;
}

absl::Status TrimRevisions(Context& context, const DaemonSet& set, const std::string& current_hash,
                           const std::vector<PodPtr>& pods) {
  std::set<std::string> live = {current_hash};
  for (const PodPtr& pod : pods) live.insert(HashOf(pod->metadata()));
  std::vector<RevisionPtr> old = RevisionsOf(context, set);
  std::erase_if(old, [&](const RevisionPtr& r) { return live.count(HashOf(r->metadata())) > 0; });
  const int limit =
      set.spec().has_revision_history_limit() ? set.spec().revision_history_limit() : 10;
  for (int i = 0; i < static_cast<int>(old.size()) - limit; ++i) {
    const auto& meta = old[i]->metadata();
    const absl::Status status = context.api.Delete(client::kControllerRevisions, meta.namespace_(),
                                                   meta.name(), {.uid = meta.uid()});
    if (!status.ok() && !absl::IsNotFound(status)) return status;
  }
  return absl::OkStatus();
}

}  // namespace berth::controlplane
