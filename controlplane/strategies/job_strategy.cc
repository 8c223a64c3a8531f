// SPDX-License-Identifier: Apache-2.0
// Jobs select their pods by the uid that the server gives them.
#include "api/proto/batch/v1/batch.pb.h"
#include "controlplane/strategies/strategies.h"

namespace berth::controlplane {
namespace {

using api::batch::v1::Job;

constexpr const char* kUidLabels[] = {"batch.kubernetes.io/controller-uid", "controller-uid"};
constexpr const char* kNameLabels[] = {"batch.kubernetes.io/job-name", "job-name"};

class JobStrategy : public Strategy {
 public:
  absl::Status PrepareForCreate(const WriteContext&, api::Message& object) override {
    auto& job = static_cast<Job&>(object);
    auto& spec = *job.mutable_spec();
    if (spec.manual_selector()) return absl::OkStatus();
    auto& labels = *spec.mutable_template_()->mutable_metadata()->mutable_labels();
    for (const char* key : kUidLabels) labels[key] = job.metadata().uid();
    for (const char* key : kNameLabels) labels[key] = job.metadata().name();
    if (!spec.has_selector()) {
      (*spec.mutable_selector()->mutable_match_labels())[kUidLabels[0]] = job.metadata().uid();
    }
    return absl::OkStatus();
  }
};

}  // namespace

std::unique_ptr<Strategy> MakeJobStrategy() { return std::make_unique<JobStrategy>(); }

}  // namespace berth::controlplane
