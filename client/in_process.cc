// SPDX-License-Identifier: Apache-2.0
// A request that never becomes bytes on a socket: the handler gets an Exchange whose answer goes to
// the caller's callbacks.
#include <chrono>
#include <deque>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "client/transport.h"

namespace berth::client {
namespace {

// The answer on its way. Whoever adds to an empty queue delivers, so callbacks come one at a time
// and in order without a thread of their own.
class Delivery {
 public:
  explicit Delivery(http::StreamCallbacks callbacks) : callbacks_(std::move(callbacks)) {}

  bool Begin() {
    base::MutexLock lock(mu_);
    return !std::exchange(begun_, true);
  }
  bool Head(int status, http::Headers headers) {
    return Add({.status = status, .headers = std::move(headers)});
  }
  bool Data(std::string_view data) { return Add({.data = std::string(data)}); }
  // The first one counts.
  bool End(absl::Status status) { return Add({.ends = true, .end = std::move(status)}); }
  bool gone() const {
    base::MutexLock lock(mu_);
    return gone_;
  }
  size_t queued() const {
    base::MutexLock lock(mu_);
    return queued_;
  }

  void OnDisconnect(absl::AnyInvocable<void()> callback) {
    {
      base::MutexLock lock(mu_);
      if (ended_) return;
      if (!gone_) {
        on_disconnect_ = std::move(callback);
        return;
      }
    }
    callback();
  }

  // The caller has gone: afterwards no callback of its runs.
  void CallerGone() {
    absl::AnyInvocable<void()> tell;
    {
      base::MutexLock lock(mu_);
      gone_ = true;
      pending_.clear();
      while (caller_ != std::thread::id() && caller_ != std::this_thread::get_id()) {
        left_.Wait(mu_);
      }
      if (!ended_) tell = std::exchange(on_disconnect_, nullptr);
    }
    if (tell) tell();
  }

 private:
  struct Piece {
    int status = 0;
    http::Headers headers;
    std::string data;
    bool ends = false;
    absl::Status end;
  };

  bool Add(Piece piece) {
    absl::AnyInvocable<void()> dropped;
    {
      base::MutexLock lock(mu_);
      if (gone_ || ended_) return false;
      if (piece.ends) {
        ended_ = true;
        dropped = std::exchange(on_disconnect_, nullptr);
      }
      queued_ += piece.data.size();
      pending_.push_back(std::move(piece));
      if (caller_ != std::thread::id()) return true;
      caller_ = std::this_thread::get_id();
    }
    Deliver();
    return true;
  }

  void Deliver() {
    while (true) {
      Piece piece;
      {
        base::MutexLock lock(mu_);
        if (pending_.empty()) {
          caller_ = {};
          left_.NotifyAll();
          return;
        }
        piece = std::move(pending_.front());
        pending_.pop_front();
      }
      if (piece.ends) {
        if (callbacks_.done) callbacks_.done(std::move(piece.end));
      } else if (piece.status != 0) {
        if (callbacks_.head) callbacks_.head(piece.status, piece.headers);
      } else if (callbacks_.data) {
        callbacks_.data(piece.data);
      }
      base::MutexLock lock(mu_);
      queued_ -= piece.data.size();
    }
  }

  const http::StreamCallbacks callbacks_;
  mutable base::Mutex mu_;
  base::CondVar left_;
  std::deque<Piece> pending_ BERTH_GUARDED_BY(mu_);
  size_t queued_ BERTH_GUARDED_BY(mu_) = 0;
  std::thread::id caller_ BERTH_GUARDED_BY(mu_);  // the thread in a callback
  bool begun_ BERTH_GUARDED_BY(mu_) = false;
  bool ended_ BERTH_GUARDED_BY(mu_) = false;
  bool gone_ BERTH_GUARDED_BY(mu_) = false;
  absl::AnyInvocable<void()> on_disconnect_ BERTH_GUARDED_BY(mu_);
};

class LocalExchange : public http::Exchange {
 public:
  LocalExchange(http::Request request, http::PeerCertificate peer,
                std::shared_ptr<Delivery> delivery)
      : request_(std::move(request)), peer_(std::move(peer)), delivery_(std::move(delivery)) {}
  ~LocalExchange() override {
    if (delivery_->gone()) return;
    if (delivery_->Begin()) {
      BERTH_ERROR("request was not answered by its handler", {"target", request_.target});
      delivery_->Head(500, {});
      delivery_->End(absl::OkStatus());
    } else {
      delivery_->End(base::Unavailable("the answer broke off"));
    }
  }

  const http::Request& request() const override { return request_; }
  const std::optional<http::PeerCertificate>& peer() const override { return peer_; }
  std::string_view remote_address() const override { return "127.0.0.1:0"; }
  void Respond(http::Response response) override {
    if (!delivery_->Begin()) return;
    delivery_->Head(response.status, std::move(response.headers));
    if (!response.body.empty() && request_.method != "HEAD") delivery_->Data(response.body);
    delivery_->End(absl::OkStatus());
  }
  void Start(int status, http::Headers headers) override {
    if (delivery_->Begin()) delivery_->Head(status, std::move(headers));
  }
  bool Write(std::string_view data) override { return delivery_->Data(data); }
  size_t queued_bytes() const override { return delivery_->queued(); }
  void Finish() override { delivery_->End(absl::OkStatus()); }
  absl::StatusOr<std::unique_ptr<http::Tunnel>> Upgrade(http::Headers) override {
    return absl::UnimplementedError("no upgrade within a process");
  }
  void OnDisconnect(absl::AnyInvocable<void()> callback) override {
    delivery_->OnDisconnect(std::move(callback));
  }

 private:
  const http::Request request_;
  const std::optional<http::PeerCertificate> peer_;
  const std::shared_ptr<Delivery> delivery_;
};

class LocalStream : public http::Stream {
 public:
  explicit LocalStream(std::shared_ptr<Delivery> delivery) : delivery_(std::move(delivery)) {}
  ~LocalStream() override { delivery_->CallerGone(); }

 private:
  const std::shared_ptr<Delivery> delivery_;
};

// A whole answer, for a thread that waits.
struct Whole {
  base::Mutex mu;
  base::CondVar cv;
  bool done BERTH_GUARDED_BY(mu) = false;
  absl::Status status BERTH_GUARDED_BY(mu);
  http::Response response BERTH_GUARDED_BY(mu);
};

class InProcessTransport : public Transport {
 public:
  InProcessTransport(http::Handler handler, base::Executor& executor,
                     http::PeerCertificate identity)
      : handler_(std::make_shared<const http::Handler>(std::move(handler))),
        executor_(executor),
        identity_(std::move(identity)) {}

  absl::StatusOr<http::Response> Do(const http::Request& request, absl::Duration timeout) override {
    auto whole = std::make_shared<Whole>();
    http::StreamCallbacks callbacks;
    callbacks.head = [whole](int status, const http::Headers& headers) {
      base::MutexLock lock(whole->mu);
      whole->response.status = status;
      whole->response.headers = headers;
    };
    callbacks.data = [whole](std::string_view data) {
      base::MutexLock lock(whole->mu);
      whole->response.body.append(data);
    };
    callbacks.done = [whole](absl::Status status) {
      base::MutexLock lock(whole->mu);
      whole->done = true;
      whole->status = std::move(status);
      whole->cv.NotifyAll();
    };
    const auto stream = DoStream(request, std::move(callbacks), absl::InfiniteDuration());
    const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
    base::MutexLock lock(whole->mu);
    while (!whole->done) {
      const auto left = end - std::chrono::steady_clock::now();
      if (left.count() <= 0) return absl::DeadlineExceededError("no answer in time");
      whole->cv.WaitFor(whole->mu, absl::FromChrono(left));
    }
    RETURN_IF_ERROR(whole->status);
    return std::move(whole->response);
  }

  // The handler is in this process: `idle` guards against lost peers, of which there are none.
  std::unique_ptr<http::Stream> DoStream(const http::Request& request,
                                         http::StreamCallbacks callbacks, absl::Duration) override {
    auto delivery = std::make_shared<Delivery>(std::move(callbacks));
    auto exchange = std::make_shared<LocalExchange>(request, identity_, delivery);
    executor_.Post([handler = handler_, exchange = std::move(exchange)]() mutable {
      (*handler)(std::move(exchange));
    });
    return std::make_unique<LocalStream>(std::move(delivery));
  }

 private:
  const std::shared_ptr<const http::Handler> handler_;
  base::Executor& executor_;
  const http::PeerCertificate identity_;
};

}  // namespace

std::unique_ptr<Transport> MakeInProcessTransport(http::Handler handler, base::Executor& executor,
                                                  http::PeerCertificate identity) {
  return std::make_unique<InProcessTransport>(std::move(handler), executor, std::move(identity));
}

}  // namespace berth::client
