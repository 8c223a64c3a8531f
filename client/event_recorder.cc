// SPDX-License-Identifier: Apache-2.0
#include "client/event_recorder.h"

#include <google/protobuf/message.h>

#include <chrono>
#include <deque>
#include <nlohmann/json.hpp>
#include <thread>
#include <utility>

#include "api/proto/core/v1/event.pb.h"
#include "api/proto/core/v1/references.pb.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/log.h"
#include "base/mutex.h"
#include "client/event_correlator.h"

namespace berth::client {
namespace {

using api::core::v1::Event;

constexpr size_t kMaxWaiting = 1000;
constexpr int kMaxTries = 12;
constexpr absl::Duration kRetryDelay = absl::Seconds(10);
constexpr absl::Duration kFarewell = absl::Seconds(2);

void SetTime(absl::Time time, api::Time& out) { out.set_seconds(absl::ToUnixSeconds(time)); }

std::string NamespaceOf(const RecordedEvent& event) {
  return event.namespace_.empty() ? "default" : event.namespace_;
}

}  // namespace

class EventRecorder::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(ApiClient& api, base::Executor& executor, base::Clock& clock, std::string component,
       std::string host)
      : api_(api),
        executor_(executor),
        clock_(clock),
        component_(std::move(component)),
        host_(std::move(host)) {}

  absl::Time Now() const { return clock_.Now(); }

  void Add(RecordedEvent event) {
    {
      base::MutexLock lock(mu_);
      if (stopped_ || waiting_.size() >= kMaxWaiting) return;
      waiting_.push_back(std::move(event));
    }
    Poke();
  }

  void Stop() {
    const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(kFarewell);
    base::MutexLock lock(mu_);
    while (!waiting_.empty() && !retrying_) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left.count() <= 0) break;
      idle_.WaitFor(mu_, absl::FromChrono(left));
    }
    stopped_ = true;
    waiting_.clear();
    while (writing_) idle_.Wait(mu_);
  }

 private:
  void Poke() {
    {
      base::MutexLock lock(mu_);
      if (stopped_ || retrying_ || std::exchange(posted_, true)) return;
    }
    executor_.Post([self = shared_from_this()] { self->WriteAll(); });
  }

  void WriteAll() {
    while (true) {
      RecordedEvent event;
      {
        base::MutexLock lock(mu_);
        writing_ = !stopped_ && !retrying_ && !waiting_.empty();
        idle_.NotifyAll();
        if (!writing_) {
          posted_ = false;
          return;
        }
        event = waiting_.front();
      }
      const bool done = Handle(event);
      base::MutexLock lock(mu_);
      if (done) {
        verdict_.reset();
        tries_ = 0;
        if (!waiting_.empty()) waiting_.pop_front();
      } else {
        retrying_ = true;
        clock_.After(kRetryDelay, [weak = weak_from_this()] {
          if (auto self = weak.lock()) self->RetryNow();
        });
      }
    }
  }

  void RetryNow() {
    {
      base::MutexLock lock(mu_);
      retrying_ = false;
    }
    Poke();
  }

  // False when it should be tried again later. Only the writing task gets here.
  bool Handle(const RecordedEvent& event) {
    if (!verdict_) verdict_ = correlator_.Decide(event);
    if (verdict_->drop) return true;
    const absl::Status status = verdict_->count > 1 ? Raise(event) : Create(event);
    if (status.ok()) return true;
    const bool may_pass = absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
    if (may_pass && ++tries_ < kMaxTries) return false;
    BERTH_WARNING("event not written", {"object", event.name}, {"reason", event.reason},
                  {"why", status});
    return true;
  }

  absl::Status Raise(const RecordedEvent& event) {
    const nlohmann::json patch = {
        {"count", verdict_->count},
        {"lastTimestamp", absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", event.when, absl::UTCTimeZone())},
        {"message", event.message}};
    const absl::Status status = api_.Patch(kEvents, NamespaceOf(event), verdict_->event_name, "",
                                           PatchType::kStrategicMerge, patch.dump(), nullptr);
    if (!absl::IsNotFound(status)) return status;
    // Events expire on the server: begin again with one.
    return Create(event);
  }

  absl::Status Create(const RecordedEvent& event) {
    Event out;
    auto& meta = *out.mutable_metadata();
    meta.set_name(verdict_->event_name);
    meta.set_namespace_(NamespaceOf(event));
    for (const auto& [key, value] : event.annotations) (*meta.mutable_annotations())[key] = value;
    auto& object = *out.mutable_involved_object();
    object.set_api_version(event.api_version);
    object.set_kind(event.kind);
    object.set_namespace_(event.namespace_);
    object.set_name(event.name);
    object.set_uid(event.uid);
    object.set_resource_version(event.resource_version);
    object.set_field_path(event.field_path);
    out.set_reason(event.reason);
    out.set_message(event.message);
    out.set_type(event.type);
    out.set_count(verdict_->count);
    SetTime(verdict_->first, *out.mutable_first_timestamp());
    SetTime(event.when, *out.mutable_last_timestamp());
    out.mutable_source()->set_component(component_);
    out.mutable_source()->set_host(host_);
    out.set_reporting_component(component_);
    out.set_reporting_instance(host_);
    const absl::Status status = api_.Create(kEvents, out, nullptr);
    return absl::IsAlreadyExists(status) ? absl::OkStatus() : status;
  }

  ApiClient& api_;
  base::Executor& executor_;
  base::Clock& clock_;
  const std::string component_;
  const std::string host_;

  base::Mutex mu_;
  base::CondVar idle_;
  std::deque<RecordedEvent> waiting_ BERTH_GUARDED_BY(mu_);
  bool posted_ BERTH_GUARDED_BY(mu_) = false;
  bool writing_ BERTH_GUARDED_BY(mu_) = false;
  bool retrying_ BERTH_GUARDED_BY(mu_) = false;
  bool stopped_ BERTH_GUARDED_BY(mu_) = false;
  // Of the writing task.
  EventCorrelator correlator_;
  std::optional<EventCorrelator::Verdict> verdict_;  // of the event being written
  int tries_ = 0;
};

EventRecorder::EventRecorder(ApiClient& api, base::Executor& executor, base::Clock& clock,
                             std::string component, std::string host)
    : impl_(std::make_shared<Impl>(api, executor, clock, std::move(component), std::move(host))) {}

EventRecorder::~EventRecorder() { impl_->Stop(); }

void EventRecorder::Record(const api::Message& object, std::string_view type,
                           std::string_view reason, std::string_view message,
                           std::string_view field_path,
                           const std::map<std::string, std::string>& annotations) {
  RecordedEvent event;
  event.annotations = annotations;
  if (const auto* reference = dynamic_cast<const api::core::v1::ObjectReference*>(&object)) {
    // An object that the caller knows by reference only, such as its own node.
    event.api_version = reference->api_version();
    event.kind = reference->kind();
    event.namespace_ = reference->namespace_();
    event.name = reference->name();
    event.uid = reference->uid();
    event.resource_version = reference->resource_version();
  } else {
    const api::GroupVersionKind kind = api::KindOf(object);
    event.api_version = kind.ApiVersion();
    event.kind = kind.kind;
    if (const auto* meta = api::MetaOf(object)) {
      event.namespace_ = meta->namespace_();
      event.name = meta->name();
      event.uid = meta->uid();
      event.resource_version = meta->resource_version();
    }
  }
  event.field_path = field_path;
  event.type = type;
  event.reason = reason;
  event.message = message;
  event.when = impl_->Now();
  impl_->Add(std::move(event));
}

}  // namespace berth::client
