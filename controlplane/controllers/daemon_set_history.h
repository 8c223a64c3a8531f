// SPDX-License-Identifier: Apache-2.0
// The revisions of a DaemonSet's template, kept as ControllerRevisions: what kubectl rollout
// history and undo work on.
#ifndef BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_HISTORY_H_
#define BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_HISTORY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/controllers/context.h"
#include "controlplane/controllers/objects_fwd.h"

namespace berth::controlplane {

// The template as a strategic merge patch that puts it in place of another. Pure.
std::string TemplatePatch(const api::apps::v1::DaemonSet& set);

// Makes sure that the current template has the newest revision and returns its hash. Aborted when
// it has to be tried again.
absl::StatusOr<std::string> EnsureRevision(Context& context, const api::apps::v1::DaemonSet& set);

// Removes what goes beyond the history limit, oldest first, but no revision that a pod of `pods`
// still has.
absl::Status TrimRevisions(Context& context, const api::apps::v1::DaemonSet& set,
                           const std::string& current_hash, const std::vector<PodPtr>& pods);

}  // namespace berth::controlplane

#endif  // BERTH_CONTROLPLANE_CONTROLLERS_DAEMON_SET_HISTORY_H_
