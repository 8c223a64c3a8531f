// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/views.h"

#include "api/proto/autoscaling/v1/autoscaling.pb.h"
#include "api/proto/autoscaling/v2/autoscaling.pb.h"
#include "api/proto/core/v1/event.pb.h"
#include "api/proto/events/v1/events.pb.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

namespace core = api::core::v1;
namespace events = api::events::v1;
namespace v1 = api::autoscaling::v1;
namespace v2 = api::autoscaling::v2;

// Copies a member that both have, or have it not.
#define BERTH_COPY(from, from_name, to, to_name)    \
  if ((from).has_##from_name()) {                   \
    *(to).mutable_##to_name() = (from).from_name(); \
  } else {                                          \
    (to).clear_##to_name();                         \
  }
#define BERTH_SET(from, from_name, to, to_name) \
  if ((from).has_##from_name()) {               \
    (to).set_##to_name((from).from_name());     \
  } else {                                      \
    (to).clear_##to_name();                     \
  }

std::unique_ptr<api::Message> FromCoreEvent(const api::Message& stored) {
  const auto& from = static_cast<const core::Event&>(stored);
  auto view = std::make_unique<events::Event>();
  events::Event& to = *view;
  BERTH_COPY(from, metadata, to, metadata)
  BERTH_COPY(from, event_time, to, event_time)
  BERTH_SET(from, reporting_component, to, reporting_controller)
  BERTH_SET(from, reporting_instance, to, reporting_instance)
  BERTH_SET(from, action, to, action)
  BERTH_SET(from, reason, to, reason)
  BERTH_COPY(from, involved_object, to, regarding)
  BERTH_COPY(from, related, to, related)
  BERTH_SET(from, message, to, note)
  BERTH_SET(from, type, to, type)
  BERTH_COPY(from, source, to, deprecated_source)
  BERTH_COPY(from, first_timestamp, to, deprecated_first_timestamp)
  BERTH_COPY(from, last_timestamp, to, deprecated_last_timestamp)
  BERTH_SET(from, count, to, deprecated_count)
  if (from.has_series()) {
    to.mutable_series()->set_count(from.series().count());
    BERTH_COPY(from.series(), last_observed_time, *to.mutable_series(), last_observed_time)
  }
  return view;
}

void ToCoreEvent(const api::Message& view, api::Message& stored) {
  const auto& from = static_cast<const events::Event&>(view);
  auto& to = static_cast<core::Event&>(stored);
  BERTH_COPY(from, metadata, to, metadata)
  BERTH_COPY(from, event_time, to, event_time)
  BERTH_SET(from, reporting_controller, to, reporting_component)
  BERTH_SET(from, reporting_instance, to, reporting_instance)
  BERTH_SET(from, action, to, action)
  BERTH_SET(from, reason, to, reason)
  BERTH_COPY(from, regarding, to, involved_object)
  BERTH_COPY(from, related, to, related)
  BERTH_SET(from, note, to, message)
  BERTH_SET(from, type, to, type)
  BERTH_COPY(from, deprecated_source, to, source)
  BERTH_COPY(from, deprecated_first_timestamp, to, first_timestamp)
  BERTH_COPY(from, deprecated_last_timestamp, to, last_timestamp)
  BERTH_SET(from, deprecated_count, to, count)
  if (from.has_series()) {
    to.mutable_series()->set_count(from.series().count());
    BERTH_COPY(from.series(), last_observed_time, *to.mutable_series(), last_observed_time)
  } else {
    to.clear_series();
  }
}

std::string EventFields(std::string_view selector) {
  std::vector<std::string> terms;
  for (std::string_view term : base::Split(selector, ',')) {
    constexpr std::string_view kRegarding = "regarding.", kController = "reportingController";
    if (term.starts_with(kRegarding)) {
      terms.push_back(base::StrCat("involvedObject.", term.substr(kRegarding.size())));
    } else if (term.starts_with(kController)) {
      terms.push_back(base::StrCat("reportingComponent", term.substr(kController.size())));
    } else {
      terms.emplace_back(term);
    }
  }
  return base::Join(terms, ",");
}

// The metric that version 1 knows: the CPU's share of what the pods request.
template <class Metric>
bool IsCpu(const Metric& metric) {
  return metric.type() == "Resource" && metric.resource().name() == "cpu";
}

template <class From, class To>
void CopyTarget(const From& from, To& to) {
  to.Clear();
  BERTH_SET(from, kind, to, kind)
  BERTH_SET(from, name, to, name)
  BERTH_SET(from, api_version, to, api_version)
}

std::unique_ptr<api::Message> FromAutoscalerV2(const api::Message& stored) {
  const auto& from = static_cast<const v2::HorizontalPodAutoscaler&>(stored);
  auto view = std::make_unique<v1::HorizontalPodAutoscaler>();
  BERTH_COPY(from, metadata, *view, metadata)
  auto& spec = *view->mutable_spec();
  CopyTarget(from.spec().scale_target_ref(), *spec.mutable_scale_target_ref());
  BERTH_SET(from.spec(), min_replicas, spec, min_replicas)
  BERTH_SET(from.spec(), max_replicas, spec, max_replicas)
  for (const auto& metric : from.spec().metrics()) {
    if (!IsCpu(metric)) continue;
    BERTH_SET(metric.resource().target(), average_utilization, spec,
              target_cpu_utilization_percentage)
  }
  auto& status = *view->mutable_status();
  BERTH_SET(from.status(), observed_generation, status, observed_generation)
  BERTH_COPY(from.status(), last_scale_time, status, last_scale_time)
  status.set_current_replicas(from.status().current_replicas());
  status.set_desired_replicas(from.status().desired_replicas());
  for (const auto& metric : from.status().current_metrics()) {
    if (!IsCpu(metric)) continue;
    BERTH_SET(metric.resource().current(), average_utilization, status,
              current_cpu_utilization_percentage)
  }
  return view;
}

// Metrics other than the CPU's, and the behaviour, stay as they are stored.
void ToAutoscalerV2(const api::Message& view, api::Message& stored) {
  const auto& from = static_cast<const v1::HorizontalPodAutoscaler&>(view);
  auto& to = static_cast<v2::HorizontalPodAutoscaler&>(stored);
  BERTH_COPY(from, metadata, to, metadata)
  auto& spec = *to.mutable_spec();
  CopyTarget(from.spec().scale_target_ref(), *spec.mutable_scale_target_ref());
  BERTH_SET(from.spec(), min_replicas, spec, min_replicas)
  BERTH_SET(from.spec(), max_replicas, spec, max_replicas)
  auto& metrics = *spec.mutable_metrics();
  for (int i = metrics.size() - 1; i >= 0; --i) {
    if (IsCpu(metrics[i])) metrics.DeleteSubrange(i, 1);
  }
  if (from.spec().has_target_cpu_utilization_percentage()) {
    auto& metric = *metrics.Add();
    metric.set_type("Resource");
    metric.mutable_resource()->set_name("cpu");
    auto& target = *metric.mutable_resource()->mutable_target();
    target.set_type("Utilization");
    target.set_average_utilization(from.spec().target_cpu_utilization_percentage());
  }
  auto& status = *to.mutable_status();
  BERTH_SET(from.status(), observed_generation, status, observed_generation)
  BERTH_COPY(from.status(), last_scale_time, status, last_scale_time)
  status.set_current_replicas(from.status().current_replicas());
  status.set_desired_replicas(from.status().desired_replicas());
}

#undef BERTH_COPY
#undef BERTH_SET

}  // namespace

const View kEventsView{"", "v1", FromCoreEvent, ToCoreEvent, EventFields};
const View kAutoscalingView{"autoscaling", "v2", FromAutoscalerV2, ToAutoscalerV2, nullptr};

std::unique_ptr<api::Message> Viewed(const ResourceDescriptor& resource,
                                     const api::Message& object) {
  if (resource.view != nullptr) return resource.view->from_stored(object);
  std::unique_ptr<api::Message> copy(object.New());
  copy->CopyFrom(object);
  return copy;
}

}  // namespace berth::controlplane
