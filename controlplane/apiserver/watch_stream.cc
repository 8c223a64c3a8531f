// SPDX-License-Identifier: Apache-2.0
#include "controlplane/apiserver/watch_stream.h"

#include <google/protobuf/message.h>

#include <deque>

#include "api/codec.h"
#include "api/proto/meta/v1/api_machinery.pb.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::controlplane {
namespace {

using base::StrCat;

constexpr size_t kMaxQueuedBytes = 8 << 20;  // behind this, a client has to list anew
constexpr absl::Duration kBookmarkPeriod = absl::Minutes(1);

void AppendField(std::string& out, int number, std::string_view bytes) {
  out.push_back(static_cast<char>(number << 3 | 2));
  size_t size = bytes.size();
  while (size >= 0x80) {
    out.push_back(static_cast<char>(size | 0x80));
    size >>= 7;
  }
  out.push_back(static_cast<char>(size));
  out += bytes;
}

class WatchStream : public std::enable_shared_from_this<WatchStream> {
 public:
  WatchStream(std::shared_ptr<http::Exchange> exchange, ObjectCache& cache, base::Clock& clock,
              WatchRequest request)
      : exchange_(std::move(exchange)),
        cache_(cache),
        clock_(clock),
        request_(std::move(request)) {}

  absl::Status Begin() {
    auto self = shared_from_this();
    auto listener = [self](const ChangePtr& change) { self->Queue(change); };
    auto flush = [self] { self->Pump(); };
    std::unique_ptr<ObjectCache::Subscription> subscription;
    {
      // Changes wait in the queue until what comes before them has been written.
      base::MutexLock lock(mu_);
      pumping_ = true;
    }
    if (request_.from > 0) {
      auto made = cache_.SubscribeFrom(*request_.resource, request_.from, listener, flush);
      if (!made.ok()) {
        return absl::IsOutOfRange(made.status())
                   ? ExpiredError(StrCat("too old resource version: ", request_.from, " (",
                                         cache_.revision(), ")"))
                   : made.status();
      }
      subscription = *std::move(made);
      StartAnswer();
    } else {
      ObjectCache::Snapshot current;
      subscription =
          cache_.SubscribeNow(*request_.resource, request_.namespace_, listener, flush, current);
      StartAnswer();
      for (const CachedObject& object : current.objects) {
        if (request_.selection.Matches(*object.object)) Send("ADDED", *object.object);
      }
      if (request_.initial_mark) SendBookmark(current.revision, /*initial=*/true);
    }
    {
      base::MutexLock lock(mu_);
      if (!ended_) subscription_ = std::move(subscription);
      pumping_ = false;
    }
    ArmTimers();
    Pump();
    return absl::OkStatus();
  }

 private:
  void StartAnswer() {
    const bool proto = request_.form.format == Negotiated::Format::kProto;
    exchange_->Start(
        200, {{"Content-Type",
               proto ? StrCat(request_.form.ContentType(), ";stream=watch") : "application/json"},
              {"Cache-Control", "no-cache, private"}});
    std::weak_ptr<WatchStream> weak = weak_from_this();
    exchange_->OnDisconnect([weak] {
      if (auto self = weak.lock()) self->End();
    });
  }

  void ArmTimers() {
    std::weak_ptr<WatchStream> weak = weak_from_this();
    const auto deadline = clock_.After(request_.timeout, [weak] {
      if (auto self = weak.lock()) self->End();
    });
    {
      base::MutexLock lock(mu_);
      deadline_ = deadline;
    }
    if (request_.bookmarks) ArmBookmark();
  }

  void ArmBookmark() {
    std::weak_ptr<WatchStream> weak = weak_from_this();
    const auto timer = clock_.After(kBookmarkPeriod, [weak] {
      if (auto self = weak.lock()) self->Bookmark();
    });
    base::MutexLock lock(mu_);
    bookmark_ = timer;
  }

  // Called with the cache locked.
  void Queue(const ChangePtr& change) {
    if (!request_.namespace_.empty() && change->namespace_ != request_.namespace_) return;
    base::MutexLock lock(mu_);
    if (!ended_) queue_.push_back(change);
  }

  // Writes what is queued, in order: one thread at a time does it for all.
  void Pump() {
    while (true) {
      std::deque<ChangePtr> batch;
      {
        base::MutexLock lock(mu_);
        if (pumping_ || ended_ || queue_.empty()) return;
        pumping_ = true;
        batch.swap(queue_);
      }
      bool alive = true;
      for (const ChangePtr& change : batch) {
        alive = SendChange(*change) && alive;
      }
      const bool behind = exchange_->queued_bytes() > kMaxQueuedBytes;
      {
        base::MutexLock lock(mu_);
        pumping_ = false;
      }
      if (behind)
        BERTH_WARNING("a watch is cut off: too far behind", {"resource", request_.resource->plural},
                      {"client", exchange_->remote_address()});
      if (behind || !alive) End();
    }
  }

  bool SendChange(const ObjectChange& change) {
    const Selection& selection = request_.selection;
    const bool was = change.before != nullptr && selection.Matches(*change.before);
    const bool is = change.after != nullptr && selection.Matches(*change.after);
    if (!was && !is) return true;
    const std::string_view type = !was ? "ADDED" : is ? "MODIFIED" : "DELETED";
    if (is || change.after == nullptr) {
      if (request_.form.shape != Negotiated::Shape::kObject || request_.resource->view != nullptr) {
        return Send(type, *change.last);
      }
      const bool json = request_.form.format == Negotiated::Format::kJson;
      return exchange_->Write(
          WatchFrame(type, json ? change.Json() : change.Proto(), request_.form.format));
    }
    // It left the selection: its last state in there, at the revision of leaving.
    std::unique_ptr<api::Message> left(change.before->New());
    left->CopyFrom(*change.before);
    if (auto* meta = api::MutableMetaOf(*left)) {
      meta->set_resource_version(StrCat(change.revision));
    }
    return Send(type, *left);
  }

  bool Send(std::string_view type, const api::Message& object) {
    const std::string text = PresentForWatch(object, *request_.resource, request_.form,
                                             clock_.Now(), /*columns=*/!columns_sent_);
    columns_sent_ = true;
    return exchange_->Write(WatchFrame(type, text, request_.form.format));
  }

  void Bookmark() {
    {
      base::MutexLock lock(mu_);
      if (ended_) return;
    }
    // Only what every earlier change has been written for may be promised.
    int64_t revision = cache_.revision();
    Pump();
    {
      base::MutexLock lock(mu_);
      if (pumping_ || !queue_.empty()) revision = 0;
    }
    if (revision > 0) SendBookmark(revision, /*initial=*/false);
    ArmBookmark();
  }

  void SendBookmark(int64_t revision, bool initial) {
    std::unique_ptr<api::Message> object = request_.resource->Storage().NewObject();
    auto* meta = api::MutableMetaOf(*object);
    meta->set_resource_version(StrCat(revision));
    if (initial) (*meta->mutable_annotations())["k8s.io/initial-events-end"] = "true";
    Negotiated form = request_.form;
    if (form.shape == Negotiated::Shape::kTable) form.include_object = "Metadata";
    const std::string text = PresentForWatch(*object, *request_.resource, form, clock_.Now(),
                                             /*columns=*/false);
    exchange_->Write(WatchFrame("BOOKMARK", text, form.format));
  }

  void End() {
    std::unique_ptr<ObjectCache::Subscription> subscription;
    {
      base::MutexLock lock(mu_);
      if (ended_) return;
      ended_ = true;
      queue_.clear();
      subscription = std::move(subscription_);
      if (deadline_ != 0) clock_.Cancel(deadline_);
      if (bookmark_ != 0) clock_.Cancel(bookmark_);
    }
    exchange_->Finish();
  }

  const std::shared_ptr<http::Exchange> exchange_;
  ObjectCache& cache_;
  base::Clock& clock_;
  const WatchRequest request_;
  // Of whoever pumps.
  bool columns_sent_ = false;

  base::Mutex mu_;
  std::deque<ChangePtr> queue_ BERTH_GUARDED_BY(mu_);
  bool pumping_ BERTH_GUARDED_BY(mu_) = false;
  bool ended_ BERTH_GUARDED_BY(mu_) = false;
  base::Clock::TimerId deadline_ BERTH_GUARDED_BY(mu_) = 0;
  base::Clock::TimerId bookmark_ BERTH_GUARDED_BY(mu_) = 0;
  std::unique_ptr<ObjectCache::Subscription> subscription_ BERTH_GUARDED_BY(mu_);
};

}  // namespace

std::string WatchFrame(std::string_view type, std::string_view object, Negotiated::Format format) {
  if (format == Negotiated::Format::kJson) {
    return StrCat("{\"type\":\"", type, "\",\"object\":", object, "}\n");
  }
  std::string raw;
  AppendField(raw, 1, object);
  std::string event;
  AppendField(event, 1, type);
  AppendField(event, 2, raw);
  const auto size = static_cast<uint32_t>(event.size());
  std::string frame;
  for (const int shift : {24, 16, 8, 0}) frame.push_back(static_cast<char>(size >> shift));
  return frame += event;
}

absl::Status ServeWatch(std::shared_ptr<http::Exchange> exchange, ObjectCache& cache,
                        base::Clock& clock, WatchRequest request) {
  auto stream =
      std::make_shared<WatchStream>(std::move(exchange), cache, clock, std::move(request));
  return stream->Begin();
}

}  // namespace berth::controlplane
