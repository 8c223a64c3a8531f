// SPDX-License-Identifier: Apache-2.0
#include "http/io_context.h"

#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <thread>

#include "http/loop.h"

namespace berth::http {
namespace {

class Loops : public IoContext::Impl {
 public:
  explicit Loops(int threads) {
    for (int i = 0; i < threads; ++i) {
      loops_.push_back(std::make_shared<Loop>());
      threads_.emplace_back([loop = loops_.back().get()] {
        pthread_setname_np(pthread_self(), "http-io");
        // A peer that has gone is an error of the write, never a signal.
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
        loop->Run();
      });
    }
  }
  ~Loops() override {
    for (auto& loop : loops_) loop->Stop();
    for (auto& thread : threads_) thread.join();
    for (auto& loop : loops_) loop->Clear();
  }
  const std::vector<std::shared_ptr<Loop>>& loops() const override { return loops_; }
  std::shared_ptr<Loop> NextLoop() override { return loops_[next_++ % loops_.size()]; }

 private:
  std::vector<std::shared_ptr<Loop>> loops_;
  std::vector<std::thread> threads_;
  std::atomic<unsigned> next_ = 0;
};

}  // namespace

IoContext::IoContext(int threads) : impl_(std::make_unique<Loops>(threads < 1 ? 1 : threads)) {}
IoContext::~IoContext() = default;

std::vector<std::function<void(absl::AnyInvocable<void()>)>> IoContext::Posters() {
  std::vector<std::function<void(absl::AnyInvocable<void()>)>> posters;
  for (const auto& loop : impl_->loops()) {
    posters.emplace_back([loop](Loop::Task task) { loop->Post(std::move(task)); });
  }
  return posters;
}

}  // namespace berth::http
