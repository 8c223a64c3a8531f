// SPDX-License-Identifier: Apache-2.0
#include "controlplane/subresources/log_relay.h"

#include <utility>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/strings.h"
#include "controlplane/apiserver/api_error.h"

namespace berth::controlplane {
namespace {

constexpr size_t kMaxErrorBytes = 64 << 10;
constexpr size_t kMaxQueuedBytes = 1 << 20;  // for a client that reads slowly

// Kept by the stream's callbacks; the stream itself is kept here until the client goes.
class Relay : public std::enable_shared_from_this<Relay> {
 public:
  Relay(const RequestScope& scope, std::shared_ptr<http::Client> client)
      : scope_(scope), client_(std::move(client)) {}

  void Begin(const http::Request& request) {
    auto self = shared_from_this();
    http::StreamCallbacks callbacks;
    callbacks.head = [self](int status, const http::Headers& headers) {
      self->Head(status, headers);
    };
    callbacks.data = [self](std::string_view data) { self->Data(data); };
    callbacks.done = [self](absl::Status status) { self->Done(status); };
    std::shared_ptr<http::Stream> stream =
        client_->DoStream(request, std::move(callbacks), absl::InfiniteDuration());
    {
      base::MutexLock lock(mu_);
      if (!done_) stream_ = std::move(stream);
    }
    HoldWhenBehind();
    std::weak_ptr<Relay> weak = self;
    scope_.exchange->OnDisconnect([weak] {
      if (auto relay = weak.lock()) relay->Cancel();
    });
  }

 private:
  void Head(int status, const http::Headers& headers) {
    code_ = status;
    if (status >= 300) return;  // the body says why; it is answered when complete
    const std::string_view type = headers.Get("Content-Type");
    scope_.exchange->Start(200,
                           {{"Content-Type", type.empty() ? "text/plain" : std::string(type)}});
    started_ = true;
  }

  void Data(std::string_view data) {
    if (started_) {
      scope_.exchange->Write(data);
      HoldWhenBehind();
    } else if (error_.size() < kMaxErrorBytes) {
      error_ += data;
    }
  }

  // While more is queued than a slow client should cost, the kubelet waits.
  void HoldWhenBehind() {
    if (scope_.exchange->queued_bytes() <= kMaxQueuedBytes) return;
    const auto stream = Running();
    if (stream == nullptr) return;  // Begin() looks again
    stream->SetPaused(true);
    std::weak_ptr<Relay> weak = shared_from_this();
    scope_.exchange->WhenDrained([weak] {
      const auto relay = weak.lock();
      const auto paused = relay != nullptr ? relay->Running() : nullptr;
      if (paused != nullptr) paused->SetPaused(false);
    });
  }

  std::shared_ptr<http::Stream> Running() {
    base::MutexLock lock(mu_);
    return stream_;
  }

  void Done(const absl::Status& status) {
    {
      base::MutexLock lock(mu_);
      if (done_) return;
      done_ = true;
    }
    if (started_) {
      scope_.exchange->Finish();
    } else if (!status.ok()) {
      scope_.RespondError(
          InternalError(base::StrCat("error dialing backend: ", base::Message(status))));
    } else if (code_ == 400 || code_ == 404) {
      scope_.RespondError(BadRequestError(base::Trim(error_)));
    } else {
      scope_.RespondError(InternalError(base::Trim(error_)));
    }
  }

  void Cancel() {
    std::shared_ptr<http::Stream> stream;
    base::MutexLock lock(mu_);
    done_ = true;
    stream = std::move(stream_);
  }

  RequestScope scope_;
  const std::shared_ptr<http::Client> client_;
  // Of the stream's callbacks, which come one at a time.
  int code_ = 0;
  bool started_ = false;
  std::string error_;

  base::Mutex mu_;
  bool done_ BERTH_GUARDED_BY(mu_) = false;
  std::shared_ptr<http::Stream> stream_ BERTH_GUARDED_BY(mu_);
};

}  // namespace

void RelayLog(const RequestScope& scope, std::shared_ptr<http::Client> client,
              const http::Request& request) {
  std::make_shared<Relay>(scope, std::move(client))->Begin(request);
}

}  // namespace berth::controlplane
