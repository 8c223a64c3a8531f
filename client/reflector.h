// SPDX-License-Identifier: Apache-2.0
// Keeps an ObjectStore equal to the server's objects by list + watch. Everything happens in one
// serial chain of tasks on the executor: bytes that arrive, timers and the start only queue steps.
#ifndef BERTH_CLIENT_REFLECTOR_H_
#define BERTH_CLIENT_REFLECTOR_H_

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/executor.h"
#include "base/mutex.h"
#include "client/informer.h"
#include "client/object_store.h"
#include "client/resource.h"
#include "client/transport.h"
#include "client/watch_decoder.h"

namespace berth::client {

class Reflector : public std::enable_shared_from_this<Reflector> {
 public:
  struct Options {
    Resource resource;
    InformerOptions scope;
    const api::Message* prototype;
    // On the serial chain.
    std::function<void(const ObjectStore::Change& change)> changed;
    std::function<void()> synced;  // a list has been handed out
  };

  Reflector(Transport& transport, base::Executor& executor, base::Clock& clock, ObjectStore& store,
            Options options);
  void Start();
  // Afterwards nothing of `options` is called and nothing it was given is used; a call that runs on
  // another thread is waited for.
  void Stop();

 private:
  // One thing that has happened. Those of an earlier request than the current one do not matter.
  struct Step {
    enum class Kind { kBegin, kHead, kData, kDone };
    Kind kind;
    uint64_t request;
    int status = 0;
    std::string text;  // the content type, or data
    absl::Status end;
  };
  enum class Phase { kList, kWatch };

  void Push(Step step);
  void Drain();
  bool Next(Step& step);
  void Handle(Step& step);
  void BeginList();
  void BeginWatch();
  void Send(std::string target, absl::Duration idle);
  void ListDone(const absl::Status& end);
  absl::Status TakePage();
  void HandOut();
  void WatchData(std::string_view data);
  void WatchDone(const absl::Status& end);
  void Apply(WatchChange change);
  void Report(const std::optional<ObjectStore::Change>& change);
  void ListAgain(const absl::Status& why, bool at_once);
  void Retry(Phase phase, absl::Duration after);
  void RetryWithBackoff(Phase phase, const absl::Status& why);
  absl::Duration NextDelay();
  bool stopped() const;

  Transport& transport_;
  base::Executor& executor_;
  base::Clock& clock_;
  ObjectStore& store_;
  const Options options_;

  mutable base::Mutex mu_;
  base::CondVar idle_;
  std::deque<Step> steps_ BERTH_GUARDED_BY(mu_);
  bool stopped_ BERTH_GUARDED_BY(mu_) = false;
  bool posted_ BERTH_GUARDED_BY(mu_) = false;
  std::thread::id runner_ BERTH_GUARDED_BY(mu_);

  // The rest belongs to the serial chain.
  Phase phase_ = Phase::kList;
  uint64_t request_ = 0;
  std::unique_ptr<http::Stream> stream_;
  base::Clock::TimerId timer_ = 0;
  int status_ = 0;
  std::string content_type_;
  std::string body_;
  std::optional<WatchDecoder> decoder_;
  base::StringMap<ObjectStore::Snapshot> listed_;  // pages of a list so far
  std::string continue_;
  std::string version_;  // where a watch goes on
  bool fresh_ = false;   // the next list must not come from a cache
  bool heard_ = false;   // the current watch has brought an event
  absl::Time watch_began_;
  absl::Duration delay_;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_REFLECTOR_H_
