// SPDX-License-Identifier: Apache-2.0
#include "http/answer.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "http/wire.h"

namespace berth::http {
namespace {

constexpr size_t kLittle = 64 << 10;

}  // namespace

bool Answer::Begin() {
  base::MutexLock lock(mu_);
  return !std::exchange(begun_, true);
}

void Answer::Schedule() {
  loop_->Post([sender = sender_] {
    if (auto s = sender.lock()) s->Flush();
  });
}

bool Answer::Append(std::string_view data, bool chunk, bool last) {
  bool schedule = false;
  {
    base::MutexLock lock(mu_);
    if (gone_ || last_) return false;
    const size_t before = pending_.size();
    if (chunk && !data.empty()) {
      AppendChunk(pending_, data);
    } else {
      pending_.append(data);
    }
    if (chunk && last) pending_.append(kLastChunk);
    queued_ += pending_.size() - before;
    last_ = last;
    schedule = !std::exchange(scheduled_, true);
  }
  if (schedule) Schedule();
  return true;
}

void Answer::Abandon() {
  {
    base::MutexLock lock(mu_);
    if (gone_ || last_) return;
    last_ = true;
    close_after_ = true;
    if (std::exchange(scheduled_, true)) return;
  }
  Schedule();
}

bool Answer::Take(std::string& out) {
  base::MutexLock lock(mu_);
  scheduled_ = false;
  if (out.empty()) {
    out.swap(pending_);
  } else {
    out.append(pending_);
    pending_.clear();
  }
  return last_;
}

absl::StatusOr<std::unique_ptr<Tunnel>> Answer::Upgrade(std::string head) {
  auto end = std::make_shared<TunnelEnd>();
  end->loop = loop_;
  end->to_send = std::move(head);
  {
    base::MutexLock lock(mu_);
    if (gone_) return base::Unavailable("the peer has gone");
    if (std::exchange(begun_, true)) {
      return base::FailedPrecondition("the request has been answered");
    }
  }
  loop_->Post([sender = sender_, end] {
    if (auto s = sender.lock()) s->GiveAway(end);
  });
  return std::unique_ptr<Tunnel>(std::make_unique<StreamTunnel>(end));
}

void Answer::OnDisconnect(absl::AnyInvocable<void()> callback) {
  {
    base::MutexLock lock(mu_);
    if (complete_) return;
    if (!gone_) {
      on_disconnect_ = std::move(callback);
      return;
    }
  }
  callback();
}

void Answer::TakeInput(const std::shared_ptr<Answer>& answer, InputTask task) {
  answer->loop_->Post([answer, task = std::move(task)]() mutable {
    const auto sender = answer->sender_.lock();
    if (sender == nullptr || answer->gone()) return;
    answer->input_ = std::move(task);
    sender->InputWanted();
  });
}

void Answer::Sent(size_t bytes) {
  queued_ -= std::min<size_t>(queued_, bytes);
  if (queued_ <= kLittle) TellDrained();
}

void Answer::WhenDrained(absl::AnyInvocable<void()> callback) {
  {
    base::MutexLock lock(mu_);
    on_drained_ = std::move(callback);
    if (queued_ > kLittle && !gone_) return;
  }
  TellDrained();
}

void Answer::TellDrained() {
  absl::AnyInvocable<void()> callback;
  {
    base::MutexLock lock(mu_);
    callback = std::exchange(on_drained_, nullptr);
  }
  if (callback) callback();
}

void Answer::Complete() {
  absl::AnyInvocable<void()> dropped,
      drained;  // go after the lock: they may hold the last reference
  {
    base::MutexLock lock(mu_);
    complete_ = true;
    input_ = nullptr;
    dropped = std::exchange(on_disconnect_, nullptr);
    drained = std::exchange(on_drained_, nullptr);
  }
}

void Answer::Gone() {
  absl::AnyInvocable<void()> callback;
  std::string dropped;
  {
    base::MutexLock lock(mu_);
    gone_ = true;
    callback = std::exchange(on_disconnect_, nullptr);
    dropped.swap(pending_);
  }
  queued_ = 0;
  TellDrained();
  if (callback) callback();
}

}  // namespace berth::http
