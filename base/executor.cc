// SPDX-License-Identifier: Apache-2.0
#include "base/executor.h"

#include <pthread.h>

namespace berth::base {

ThreadPool::ThreadPool(std::string name, int max_threads, absl::Duration idle)
    : name_(name.substr(0, 15)), max_threads_(max_threads), idle_(idle) {}

ThreadPool::~ThreadPool() {
  MutexLock l(mu_);
  stopping_ = true;
  wake_.NotifyAll();
  while (running_ > 0) ended_.Wait(mu_);
}

void ThreadPool::Post(Task task) {
  MutexLock l(mu_);
  tasks_.push_back(std::move(task));
  if (waiting_ >= static_cast<int>(tasks_.size()) || running_ >= max_threads_) {
    wake_.NotifyOne();
    return;
  }
  ++running_;
  std::thread([this] { Run(); }).detach();  // the destructor waits on running_
}

int ThreadPool::threads() const {
  MutexLock l(mu_);
  return running_;
}

void ThreadPool::Run() {
  pthread_setname_np(pthread_self(), name_.c_str());
  MutexLock l(mu_);
  while (true) {
    while (tasks_.empty() && !stopping_) {
      ++waiting_;
      const bool woken = wake_.WaitFor(mu_, idle_);
      --waiting_;
      if (!woken && tasks_.empty()) break;
    }
    if (tasks_.empty()) break;
    {
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      mu_.Unlock();
      task();
      task = nullptr;
      mu_.Lock();
    }
  }
  if (--running_ == 0) ended_.NotifyAll();
}

void ManualExecutor::Post(Task task) {
  MutexLock l(mu_);
  tasks_.push_back(std::move(task));
}

int ManualExecutor::RunAll() {
  int ran = 0;
  while (true) {
    Task task;
    {
      MutexLock l(mu_);
      if (tasks_.empty()) return ran;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
    ++ran;
  }
}

}  // namespace berth::base
