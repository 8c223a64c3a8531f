// SPDX-License-Identifier: Apache-2.0
// Inside http/: the two ways to take an answer: whole, by a thread that waits; or in pieces.
#ifndef BERTH_HTTP_CLIENT_SINKS_H_
#define BERTH_HTTP_CLIENT_SINKS_H_

#include <memory>
#include <string_view>
#include <thread>

#include "base/mutex.h"
#include "http/client.h"
#include "http/client_call.h"

namespace berth::http {

// For a blocked caller.
class CollectSink : public AnswerSink {
 public:
  void Head(int status, Headers headers) override;
  void Data(std::string_view data) override;
  void Upgraded(Headers headers, std::unique_ptr<Tunnel> tunnel) override;
  void Done(absl::Status status) override;

  // What Done said, or DeadlineExceeded.
  absl::Status Wait(absl::Duration timeout);
  Response TakeResponse();
  std::unique_ptr<Tunnel> TakeTunnel();

 private:
  base::Mutex mu_;
  base::CondVar cv_;
  bool done_ BERTH_GUARDED_BY(mu_) = false;
  absl::Status status_ BERTH_GUARDED_BY(mu_);
  Response response_ BERTH_GUARDED_BY(mu_);
  std::unique_ptr<Tunnel> tunnel_ BERTH_GUARDED_BY(mu_);
};

// For callbacks, which can be silenced.
class CallbackSink : public AnswerSink {
 public:
  explicit CallbackSink(StreamCallbacks callbacks) : callbacks_(std::move(callbacks)) {}
  void Head(int status, Headers headers) override;
  void Data(std::string_view data) override;
  void Upgraded(Headers headers, std::unique_ptr<Tunnel> tunnel) override;
  void Done(absl::Status status) override;

  // Afterwards no callback runs; one that runs on another thread is waited for.
  void Silence();

 private:
  bool Enter();
  void Leave();

  base::Mutex mu_;
  base::CondVar left_;
  bool silent_ BERTH_GUARDED_BY(mu_) = false;
  std::thread::id caller_ BERTH_GUARDED_BY(mu_);  // the thread in a callback
  StreamCallbacks callbacks_;                     // used by the thread in a callback only
};

}  // namespace berth::http

#endif  // BERTH_HTTP_CLIENT_SINKS_H_
