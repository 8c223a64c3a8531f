// SPDX-License-Identifier: Apache-2.0
#include "client/reflector.h"

#include <google/protobuf/message.h>

#include <algorithm>
#include <utility>

#include "api/codec.h"
#include "api/proto/meta/v1/object_meta.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "client/api_error.h"
#include "client/query.h"

namespace berth::client {
namespace {

constexpr int kPageSize = 500;
constexpr absl::Duration kFirstDelay = absl::Milliseconds(800);
constexpr absl::Duration kLongestDelay = absl::Seconds(30);
constexpr absl::Duration kMissingDelay = absl::Seconds(60);  // the resource itself is not served
constexpr absl::Duration kListIdle = absl::Seconds(30);
constexpr absl::Duration kShortWatch = absl::Seconds(1);
constexpr int kWatchSeconds = 300;  // up to twice as long

using google::protobuf::FieldDescriptor;

}  // namespace

Reflector::Reflector(Transport& transport, base::Executor& executor, base::Clock& clock,
                     ObjectStore& store, Options options)
    : transport_(transport),
      executor_(executor),
      clock_(clock),
      store_(store),
      options_(std::move(options)),
      delay_(kFirstDelay) {}

void Reflector::Start() { Push({.kind = Step::Kind::kBegin, .request = 0}); }

void Reflector::Stop() {
  {
    base::MutexLock lock(mu_);
    stopped_ = true;
    steps_.clear();
    if (runner_ == std::this_thread::get_id()) return;  // the chain cleans up when it returns
    while (runner_ != std::thread::id()) idle_.Wait(mu_);
  }
  if (timer_ != 0) clock_.Cancel(timer_);
  stream_.reset();
}

bool Reflector::stopped() const {
  base::MutexLock lock(mu_);
  return stopped_;
}

void Reflector::Push(Step step) {
  {
    base::MutexLock lock(mu_);
    if (stopped_) return;
    steps_.push_back(std::move(step));
    if (std::exchange(posted_, true)) return;
  }
  executor_.Post([self = shared_from_this()] { self->Drain(); });
}

bool Reflector::Next(Step& step) {
  base::MutexLock lock(mu_);
  if (stopped_ || steps_.empty()) {
    posted_ = false;
    runner_ = {};
    idle_.NotifyAll();
    return false;
  }
  runner_ = std::this_thread::get_id();
  step = std::move(steps_.front());
  steps_.pop_front();
  return true;
}

void Reflector::Drain() {
  Step step;
  while (Next(step)) {
    if (step.request == request_) Handle(step);
    if (!stopped()) continue;
    // Stopped from within a handler, whose thread could not wait for itself.
    stream_.reset();
    if (timer_ != 0) clock_.Cancel(timer_);
  }
}

void Reflector::Handle(Step& step) {
  switch (step.kind) {
    case Step::Kind::kBegin:
      return phase_ == Phase::kList ? BeginList() : BeginWatch();
    case Step::Kind::kHead:
      status_ = step.status;
      content_type_ = std::move(step.text);
      if (phase_ == Phase::kWatch) decoder_.emplace(content_type_, *options_.prototype);
      return;
    case Step::Kind::kData:
      if (phase_ == Phase::kWatch && status_ == 200) return WatchData(step.text);
      body_.append(step.text);
      return;
    case Step::Kind::kDone:
      if (step.end.ok() && status_ >= 400) step.end = ErrorFrom(status_, content_type_, body_);
      body_ = step.end.ok() ? std::move(body_) : "";
      return phase_ == Phase::kList ? ListDone(step.end) : WatchDone(step.end);
  }
}

void Reflector::Send(std::string target, absl::Duration idle) {
  http::Request request;
  request.target = std::move(target);
  request.headers.Set("Accept", "application/vnd.kubernetes.protobuf,application/json");
  status_ = 0;
  body_.clear();
  stream_.reset();
  const uint64_t id = ++request_;
  const std::weak_ptr<Reflector> weak = weak_from_this();
  const auto push = [weak](Step step) {
    if (auto self = weak.lock()) self->Push(std::move(step));
  };
  http::StreamCallbacks callbacks;
  callbacks.head = [push, id](int status, const http::Headers& headers) {
    push({.kind = Step::Kind::kHead,
          .request = id,
          .status = status,
          .text = std::string(headers.Get("Content-Type"))});
  };
  callbacks.data = [push, id](std::string_view data) {
    push({.kind = Step::Kind::kData, .request = id, .text = std::string(data)});
  };
  callbacks.done = [push, id](absl::Status end) {
    push({.kind = Step::Kind::kDone, .request = id, .end = std::move(end)});
  };
  stream_ = transport_.DoStream(request, std::move(callbacks), idle);
}

void Reflector::BeginList() {
  Query query(options_.resource.Path(options_.scope.namespace_));
  query.Add("labelSelector", options_.scope.label_selector);
  query.Add("fieldSelector", options_.scope.field_selector);
  query.Add("limit", base::StrCat(kPageSize));
  if (!continue_.empty()) {
    query.Add("continue", continue_);
  } else {
    listed_.clear();
    // "0": whatever the server has at hand; a watch from there brings the rest.
    if (!fresh_) query.Add("resourceVersion", "0");
  }
  Send(query.Take(), kListIdle);
}

void Reflector::ListDone(const absl::Status& end) {
  absl::Status status = end.ok() ? TakePage() : end;
  if (!status.ok()) {
    continue_.clear();
    if (absl::IsNotFound(status)) {
      BERTH_WARNING("the server has no such resource", {"resource", options_.resource.plural});
      return Retry(Phase::kList, kMissingDelay);
    }
    // A continue token that has expired: begin anew, past any cache.
    if (absl::IsOutOfRange(status)) fresh_ = true;
    return RetryWithBackoff(Phase::kList, status);
  }
  if (!continue_.empty()) return BeginList();
  HandOut();
  if (!stopped()) BeginWatch();
}

// Moves the items of one page into `listed_`.
absl::Status Reflector::TakePage() {
  api::GroupVersionKind kind = api::KindOf(*options_.prototype);
  kind.kind += "List";
  const auto list = api::NewObject(kind);
  if (list == nullptr) return base::Internal("no type for ", kind.kind);
  RETURN_IF_ERROR(
      IsProtobuf(content_type_) ? api::DecodeProto(body_, *list) : api::DecodeJson(body_, *list),
      "list of ", options_.resource.plural);
  body_ = std::string();
  const auto* meta = api::ListMetaOf(*list);
  const FieldDescriptor* items = list->GetDescriptor()->FindFieldByName("items");
  if (meta == nullptr || items == nullptr || !items->is_repeated()) {
    return base::Internal(kind.kind, " is no list");
  }
  const auto* reflection = list->GetReflection();
  const int count = reflection->FieldSize(*list, items);
  for (int i = 0; i < count; ++i) {
    api::Message* item = reflection->MutableRepeatedMessage(list.get(), items, i);
    std::shared_ptr<api::Message> object(options_.prototype->New());
    object->GetReflection()->Swap(object.get(), item);
    listed_[api::KeyOf(*object)] = std::move(object);
  }
  continue_ = meta->continue_();
  version_ = meta->resource_version();
  return absl::OkStatus();
}

void Reflector::HandOut() {
  fresh_ = false;
  delay_ = kFirstDelay;
  for (const auto& change : store_.Replace(std::exchange(listed_, {}))) {
    if (stopped()) return;
    options_.changed(change);
  }
  if (!stopped()) options_.synced();
}

void Reflector::BeginWatch() {
  phase_ = Phase::kWatch;
  heard_ = false;
  watch_began_ = clock_.Now();
  const int seconds = kWatchSeconds + static_cast<int>(random_() % kWatchSeconds);
  Query query(options_.resource.Path(options_.scope.namespace_));
  query.Add("watch", "true");
  query.Add("allowWatchBookmarks", "true");
  query.Add("labelSelector", options_.scope.label_selector);
  query.Add("fieldSelector", options_.scope.field_selector);
  query.Add("resourceVersion", version_);
  query.Add("timeoutSeconds", base::StrCat(seconds));
  Send(query.Take(), absl::Seconds(seconds + 30));
}

void Reflector::WatchData(std::string_view data) {
  auto changes = decoder_->Feed(data);
  if (!changes.ok()) return ListAgain(changes.status(), /*at_once=*/false);
  for (auto& change : *changes) {
    heard_ = true;
    delay_ = kFirstDelay;
    if (change.type == WatchChange::Type::kError) {
      return ListAgain(change.error, /*at_once=*/absl::IsOutOfRange(change.error));
    }
    Apply(std::move(change));
    if (stopped()) return;
  }
}

void Reflector::Apply(WatchChange change) {
  if (const auto* meta = api::MetaOf(*change.object); meta != nullptr) {
    version_ = meta->resource_version();
  }
  if (change.type == WatchChange::Type::kBookmark) return;
  const ObjectStore::Snapshot object(std::move(change.object));
  Report(change.type == WatchChange::Type::kDeleted ? store_.Remove(object) : store_.Put(object));
}

void Reflector::Report(const std::optional<ObjectStore::Change>& change) {
  if (change) options_.changed(*change);
}

void Reflector::WatchDone(const absl::Status& end) {
  if (absl::IsOutOfRange(end)) return ListAgain(end, /*at_once=*/true);
  if (end.ok()) {
    // The usual end of a watch. One that ends at once, again and again, must not become a flood.
    if (heard_ || clock_.Now() - watch_began_ >= kShortWatch) return BeginWatch();
    return Retry(Phase::kWatch, NextDelay());
  }
  if (absl::IsUnavailable(end) || absl::IsResourceExhausted(end) || absl::IsCancelled(end)) {
    return RetryWithBackoff(Phase::kWatch, end);
  }
  ListAgain(end, /*at_once=*/false);
}

void Reflector::ListAgain(const absl::Status& why, bool at_once) {
  fresh_ = true;
  continue_.clear();
  if (!at_once) return RetryWithBackoff(Phase::kList, why);
  BERTH_INFO("listing again", {"resource", options_.resource.plural}, {"why", why});
  Retry(Phase::kList, absl::ZeroDuration());
}

absl::Duration Reflector::NextDelay() {
  const absl::Duration base = delay_;
  delay_ = std::min(delay_ * 2, kLongestDelay);
  const double jitter = static_cast<double>(random_() % 1000) / 1000;
  return std::min(base * (1 + jitter), kLongestDelay);
}

void Reflector::RetryWithBackoff(Phase phase, const absl::Status& why) {
  const absl::Duration delay = NextDelay();
  BERTH_WARNING(phase == Phase::kList ? "list failed" : "watch failed",
                {"resource", options_.resource.plural}, {"why", why},
                {"retry_in_ms", absl::ToInt64Milliseconds(delay)});
  Retry(phase, delay);
}

void Reflector::Retry(Phase phase, absl::Duration after) {
  phase_ = phase;
  stream_.reset();
  const uint64_t id = ++request_;
  Step step{.kind = Step::Kind::kBegin, .request = id};
  if (after <= absl::ZeroDuration()) return Push(std::move(step));
  timer_ = clock_.After(after, [weak = weak_from_this(), step]() mutable {
    if (auto self = weak.lock()) self->Push(std::move(step));
  });
}

}  // namespace berth::client
