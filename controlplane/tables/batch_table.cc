// SPDX-License-Identifier: Apache-2.0
// Jobs, and budgets for disruptions.
#include "api/proto/batch/v1/batch.pb.h"
#include "api/proto/policy/v1/policy.pb.h"
#include "base/strings.h"
#include "controlplane/tables/table.h"

namespace berth::controlplane {
namespace {

using api::batch::v1::CronJob;
using api::batch::v1::Job;
using api::policy::v1::PodDisruptionBudget;
using base::StrCat;

std::string StateOf(const Job& job) {
  auto has = [&job](std::string_view type) {
    for (const auto& condition : job.status().conditions()) {
      if (condition.type() == type) return condition.status() == "True";
    }
    return false;
  };
  if (has("Complete")) return "Complete";
  if (has("Failed")) return "Failed";
  if (job.metadata().has_deletion_timestamp()) return "Terminating";
  for (const char* type : {"Suspended", "FailureTarget", "SuccessCriteriaMet"}) {
    if (has(type)) return type;
  }
  return "Running";
}

std::string CompletionsOf(const Job& job) {
  const int done = job.status().succeeded();
  if (job.spec().has_completions()) return StrCat(done, "/", job.spec().completions());
  const int parallelism = job.spec().parallelism();
  return parallelism > 1 ? StrCat(done, "/1 of ", parallelism) : StrCat(done, "/1");
}

std::string DurationOf(const Job& job, absl::Time now) {
  if (!job.status().has_start_time()) return "";
  const absl::Time start = absl::FromUnixSeconds(job.status().start_time().seconds());
  return HumanDuration((job.status().has_completion_time()
                            ? absl::FromUnixSeconds(job.status().completion_time().seconds())
                            : now) -
                       start);
}

std::vector<std::string> JobRow(const api::Message& object, absl::Time now) {
  const auto& job = static_cast<const Job&>(object);
  std::vector<std::string> row = {NameCell(object), TextCell(StateOf(job)),
                                  TextCell(CompletionsOf(job)), TextCell(DurationOf(job, now)),
                                  AgeCell(object, now)};
  AppendContainers(job.spec().template_(), row);
  row.push_back(TextCell(SelectorText(job.spec().selector())));
  return row;
}

std::vector<std::string> CronJobRow(const api::Message& object, absl::Time now) {
  const auto& cron = static_cast<const CronJob&>(object);
  const auto& status = cron.status();
  std::vector<std::string> row = {
      NameCell(object),
      TextCell(cron.spec().schedule()),
      TextCell(cron.spec().has_time_zone() ? cron.spec().time_zone() : "<none>"),
      TextCell(cron.spec().suspend() ? "True" : "False"),
      NumberCell(status.active_size()),
      TextCell(status.has_last_schedule_time() ? AgeSince(status.last_schedule_time(), now)
                                               : "<none>"),
      AgeCell(object, now)};
  AppendContainers(cron.spec().job_template().spec().template_(), row);
  row.push_back(TextCell(SelectorText(cron.spec().job_template().spec().selector())));
  return row;
}

std::string NumberOrPercent(bool there, const api::IntOrString& value) {
  if (!there) return "N/A";
  return value.type() == 0 ? StrCat(value.int_val()) : value.str_val();
}

std::vector<std::string> BudgetRow(const api::Message& object, absl::Time now) {
  const auto& budget = static_cast<const PodDisruptionBudget&>(object);
  const auto& spec = budget.spec();
  return {NameCell(object),
          TextCell(NumberOrPercent(spec.has_min_available(), spec.min_available())),
          TextCell(NumberOrPercent(spec.has_max_unavailable(), spec.max_unavailable())),
          NumberCell(budget.status().disruptions_allowed()), AgeCell(object, now)};
}

}  // namespace

std::vector<NamedPrinter> BatchPrinters() {
  return {{"batch",
           "Job",
           {{{.name = "Name", .format = "name"},
             {.name = "Status"},
             {.name = "Completions"},
             {.name = "Duration"},
             {.name = "Age"},
             {.name = "Containers", .priority = 1},
             {.name = "Images", .priority = 1},
             {.name = "Selector", .priority = 1}},
            JobRow}},
          {"batch",
           "CronJob",
           {{{.name = "Name", .format = "name"},
             {.name = "Schedule"},
             {.name = "Timezone"},
             {.name = "Suspend", .type = "boolean"},
             {.name = "Active", .type = "integer"},
             {.name = "Last Schedule"},
             {.name = "Age"},
             {.name = "Containers", .priority = 1},
             {.name = "Images", .priority = 1},
             {.name = "Selector", .priority = 1}},
            CronJobRow}},
          {"policy",
           "PodDisruptionBudget",
           {{{.name = "Name", .format = "name"},
             {.name = "Min Available"},
             {.name = "Max Unavailable"},
             {.name = "Allowed Disruptions", .type = "integer"},
             {.name = "Age"}},
            BudgetRow}}};
}

}  // namespace berth::controlplane
