// SPDX-License-Identifier: Apache-2.0
// pods/eviction: a deletion that PodDisruptionBudgets may refuse for now.
#include "api/proto/core/v1/pod.pb.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "api/selector.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"
#include "controlplane/controllers/disruption_plan.h"
#include "controlplane/controllers/pod_state.h"
#include "controlplane/subresources/subresources.h"

namespace berth::controlplane {
namespace {

using api::core::v1::Pod;
using api::policy::v1::PodDisruptionBudget;
using base::StrCat;

constexpr int kMaxDisruptedPods = 2000;
constexpr char kRefused[] = "Cannot evict pod as it would violate the pod's disruption budget.";

const ResourceDescriptor& Pods() { return *FindResource("", "v1", "pods"); }
const ResourceDescriptor& Budgets() {
  return *FindResource("policy", "v1", "poddisruptionbudgets");
}

// Pods that serve nobody, or will not for long, are evicted without asking.
bool IgnoresBudgets(const Pod& pod) {
  return IsFinished(pod) || pod.status().phase() == "Pending" || IsTerminating(pod);
}

// The budget that covers the pod; nullptr when none does.
absl::StatusOr<ObjectPtr> BudgetOf(const ObjectCache& cache, const Pod& pod) {
  ObjectPtr found;
  for (const CachedObject& object : cache.List(Budgets(), pod.metadata().namespace_()).objects) {
    const auto& budget = static_cast<const PodDisruptionBudget&>(*object.object);
    if (!budget.spec().has_selector()) continue;
    const auto selector = api::LabelSelector::Of(budget.spec().selector());
    if (!selector.ok() || !selector->Matches(pod)) continue;
    if (found != nullptr) {
      return InternalError(
          "This pod has more than one PodDisruptionBudget, which the eviction subresource does not "
          "support.");
    }
    found = object.object;
  }
  return found;
}

// A pod that is not ready takes nothing from its budget where the policy says so.
bool MayGoUnhealthy(const PodDisruptionBudget& budget, const Pod& pod) {
  if (IsReady(pod)) return false;
  if (budget.spec().unhealthy_pod_eviction_policy() == "AlwaysAllow") return true;
  const auto& status = budget.status();
  return status.current_healthy() >= status.desired_healthy() && status.desired_healthy() > 0;
}

absl::Status Refuse(int retry_after, std::string why) {
  return TooManyRequestsError(kRefused, retry_after, {{"DisruptionBudget", std::move(why), ""}});
}

// Takes one disruption from the budget, or says why there is none.
absl::Status Take(PodDisruptionBudget& budget, const Pod& pod, absl::Time now) {
  const std::string& name = budget.metadata().name();
  auto& status = *budget.mutable_status();
  if (status.observed_generation() < budget.metadata().generation()) {
    return Refuse(
        10, StrCat("The disruption budget ", name, " is still being processed by the server."));
  }
  const ErrorSubject subject{"policy", "poddisruptionbudget", "", name};
  if (status.disruptions_allowed() < 0) {
    return ForbiddenError(subject, "pdb disruptions allowed is negative");
  }
  if (status.disrupted_pods_size() > kMaxDisruptedPods) {
    return ForbiddenError(
        subject, "DisruptedPods map too big - too many evictions not confirmed by PDB controller");
  }
  if (status.disruptions_allowed() == 0) {
    return Refuse(0, StrCat("The disruption budget ", name, " needs ", status.desired_healthy(),
                            " healthy pods and has ", status.current_healthy(), " currently"));
  }
  status.set_disruptions_allowed(status.disruptions_allowed() - 1);
  if (status.disruptions_allowed() == 0) {
    JudgeDisruption(now, status, status.observed_generation());
  }
  SetTime(now, (*status.mutable_disrupted_pods())[pod.metadata().name()]);
  return absl::OkStatus();
}

absl::Status AskBudget(Registry& registry, RequestScope& scope, const Pod& pod,
                       const WriteContext& context) {
  ASSIGN_OR_RETURN(const ObjectPtr object, BudgetOf(registry.cache(), pod));
  if (object == nullptr) return absl::OkStatus();
  const auto& budget = static_cast<const PodDisruptionBudget&>(*object);
  if (MayGoUnhealthy(budget, pod)) return absl::OkStatus();
  return registry
      .Modify(context, Budgets(), scope.info.namespace_, budget.metadata().name(), Part::kStatus,
              [&](api::Message& message) {
                return Take(static_cast<PodDisruptionBudget&>(message), pod, scope.now);
              })
      .status();
}

// Tells the pod's controllers, and whoever looks, why it goes.
void MarkDisrupted(Pod& pod, absl::Time now) {
  auto& conditions = *pod.mutable_status()->mutable_conditions();
  for (int i = conditions.size() - 1; i >= 0; --i) {
    if (conditions[i].type() == "DisruptionTarget") conditions.DeleteSubrange(i, 1);
  }
  auto& condition = *conditions.Add();
  condition.set_type("DisruptionTarget");
  condition.set_status("True");
  condition.set_reason("EvictionByEvictionAPI");
  condition.set_message("Eviction API: evicting");
  SetTime(now, *condition.mutable_last_transition_time());
}

absl::Status ServeEviction(Registry& registry, RequestScope& scope) {
  api::policy::v1::Eviction eviction;
  RETURN_IF_ERROR(scope.Decode(eviction));
  if (!eviction.metadata().name().empty() && eviction.metadata().name() != scope.info.name) {
    return BadRequestError("name in URL does not match name in Eviction object");
  }
  ASSIGN_OR_RETURN(const CachedObject found,
                   registry.cache().Get(Pods(), scope.info.namespace_, scope.info.name));
  const auto& pod = static_cast<const Pod&>(*found.object);
  const auto& options = eviction.delete_options();
  DeleteRequest request;
  if (options.has_grace_period_seconds()) {
    request.grace_period_seconds = options.grace_period_seconds();
  }
  request.uid = options.preconditions().uid();
  request.resource_version = options.preconditions().resource_version();
  request.dry_run = options.dry_run_size() > 0 || scope.DryRun();
  WriteContext context = scope.Context();
  context.dry_run = request.dry_run;
  if (!IgnoresBudgets(pod)) {
    RETURN_IF_ERROR(AskBudget(registry, scope, pod, context));
    if (!request.dry_run && request.resource_version.empty()) {
      const auto marked = registry.Modify(context, Pods(), scope.info.namespace_, scope.info.name,
                                          Part::kStatus, [&](api::Message& message) {
                                            MarkDisrupted(static_cast<Pod&>(message), scope.now);
                                            return absl::OkStatus();
                                          });
      RETURN_IF_ERROR(marked.status());
    }
  }
  RETURN_IF_ERROR(
      registry.Delete(context, Pods(), scope.info.namespace_, scope.info.name, request).status());
  RespondCreated(scope);
  return absl::OkStatus();
}

}  // namespace

void AddEviction(Registry& registry, SubresourceTable& table) {
  table["/pods/eviction"] = [&registry](RequestScope& scope) {
    return ServeEviction(registry, scope);
  };
}

}  // namespace berth::controlplane
