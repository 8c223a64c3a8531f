// SPDX-License-Identifier: Apache-2.0
#include "http/client_sinks.h"

#include <chrono>
#include <utility>

namespace berth::http {

void CollectSink::Head(int status, Headers headers) {
  base::MutexLock lock(mu_);
  response_.status = status;
  response_.headers = std::move(headers);
}

void CollectSink::Data(std::string_view data) {
  base::MutexLock lock(mu_);
  response_.body.append(data);
}

void CollectSink::Upgraded(Headers headers, std::unique_ptr<Tunnel> tunnel) {
  base::MutexLock lock(mu_);
  response_.status = 101;
  response_.headers = std::move(headers);
  tunnel_ = std::move(tunnel);
}

void CollectSink::Done(absl::Status status) {
  base::MutexLock lock(mu_);
  done_ = true;
  status_ = std::move(status);
  cv_.NotifyAll();
}

absl::Status CollectSink::Wait(absl::Duration timeout) {
  base::MutexLock lock(mu_);
  if (timeout == absl::InfiniteDuration()) {
    while (!done_) cv_.Wait(mu_);
    return status_;
  }
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(timeout);
  while (!done_) {
    const auto left = end - std::chrono::steady_clock::now();
    if (left.count() <= 0) return absl::DeadlineExceededError("no answer in time");
    cv_.WaitFor(mu_, absl::FromChrono(left));
  }
  return status_;
}

Response CollectSink::TakeResponse() {
  base::MutexLock lock(mu_);
  return std::move(response_);
}

std::unique_ptr<Tunnel> CollectSink::TakeTunnel() {
  base::MutexLock lock(mu_);
  return std::move(tunnel_);
}

bool CallbackSink::Enter() {
  base::MutexLock lock(mu_);
  if (silent_) return false;
  caller_ = std::this_thread::get_id();
  return true;
}

void CallbackSink::Leave() {
  base::MutexLock lock(mu_);
  caller_ = {};
  left_.NotifyAll();
}

void CallbackSink::Head(int status, Headers headers) {
  if (!Enter()) return;
  if (callbacks_.head) callbacks_.head(status, headers);
  Leave();
}

void CallbackSink::Data(std::string_view data) {
  if (!Enter()) return;
  if (callbacks_.data) callbacks_.data(data);
  Leave();
}

void CallbackSink::Upgraded(Headers headers, std::unique_ptr<Tunnel>) { Head(101, headers); }

void CallbackSink::Done(absl::Status status) {
  if (!Enter()) return;
  if (callbacks_.done) callbacks_.done(std::move(status));
  callbacks_ = {};  // what they hold goes now
  Leave();
}

void CallbackSink::Silence() {
  base::MutexLock lock(mu_);
  silent_ = true;
  while (caller_ != std::thread::id() && caller_ != std::this_thread::get_id()) left_.Wait(mu_);
}

}  // namespace berth::http
