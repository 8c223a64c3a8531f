// SPDX-License-Identifier: Apache-2.0
// Inside http/: an answer on its way from whoever writes it, on any thread, to the connection that
// sends it from its loop. Thread-safe.
#ifndef BERTH_HTTP_ANSWER_H_
#define BERTH_HTTP_ANSWER_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "http/loop.h"
#include "http/tunnel_end.h"

namespace berth::http {

class Answer {
 public:
  // What the connection does, on its loop.
  class Sender {
   public:
    virtual ~Sender() = default;
    virtual void Flush() = 0;
    virtual void GiveAway(const std::shared_ptr<TunnelEnd>& end) = 0;
    virtual void InputWanted() = 0;
  };
  // Gets what the peer sends while it is being answered; runs on the loop, may change the bytes.
  using InputTask = absl::AnyInvocable<void(char* data, size_t size)>;

  Answer(std::shared_ptr<Loop> loop, std::weak_ptr<Sender> sender)
      : loop_(std::move(loop)), sender_(std::move(sender)) {}

  // For writers. The first of Begin() and Upgrade() gets true, the rest false.
  bool Begin();
  // False when the peer has gone or the answer is complete. `last` completes it.
  bool Append(std::string_view data, bool chunk, bool last);
  // Nobody will write any more: an unfinished answer breaks off, so that the peer can tell.
  void Abandon();
  bool gone() const {
    base::MutexLock lock(mu_);
    return gone_;
  }
  size_t queued_bytes() const { return queued_; }
  absl::StatusOr<std::unique_ptr<Tunnel>> Upgrade(std::string head);
  void OnDisconnect(absl::AnyInvocable<void()> callback);
  void WhenDrained(absl::AnyInvocable<void()> callback);
  void CloseAfter() { close_after_ = true; }
  void InPieces() { in_pieces_ = true; }
  // Without it what the peer sends is the next request.
  static void TakeInput(const std::shared_ptr<Answer>& answer, InputTask task);

  // For the connection, on its loop.
  bool Take(std::string& out);  // what has been written since; true when that completes the answer
  void Sent(size_t bytes);
  void Complete();  // all sent: no disconnect is told any more
  void Gone();      // the peer has gone
  bool close_after() const { return close_after_; }
  bool in_pieces() const { return in_pieces_; }
  bool takes_input() const { return static_cast<bool>(input_); }
  void Input(char* data, size_t size) { input_(data, size); }

 private:
  void Schedule();
  void TellDrained();

  const std::shared_ptr<Loop> loop_;
  const std::weak_ptr<Sender> sender_;
  InputTask input_;  // of the loop
  std::atomic<size_t> queued_ = 0;
  std::atomic<bool> close_after_ = false;
  std::atomic<bool> in_pieces_ = false;
  mutable base::Mutex mu_;
  std::string pending_ BERTH_GUARDED_BY(mu_);
  bool scheduled_ BERTH_GUARDED_BY(mu_) = false;
  bool begun_ BERTH_GUARDED_BY(mu_) = false;
  bool last_ BERTH_GUARDED_BY(mu_) = false;
  bool complete_ BERTH_GUARDED_BY(mu_) = false;
  bool gone_ BERTH_GUARDED_BY(mu_) = false;
  absl::AnyInvocable<void()> on_disconnect_ BERTH_GUARDED_BY(mu_);
  absl::AnyInvocable<void()> on_drained_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::http

#endif  // BERTH_HTTP_ANSWER_H_
