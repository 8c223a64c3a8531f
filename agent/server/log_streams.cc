// SPDX-License-Identifier: Apache-2.0
#include "agent/server/log_streams.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <map>
#include <vector>

#include "base/executor.h"
#include "base/log.h"
#include "base/mutex.h"
#include "http/server.h"

namespace berth::agent {
namespace {

using kernel::UniqueFd;

constexpr size_t kPiece = 256 << 10;       // read at a time
constexpr size_t kQueuedAtMost = 1 << 20;  // in the peer's queue
constexpr int kIdleMs = 1000;              // look at everything, also for ends of containers
constexpr int kBusyMs = 20;                // while somebody's queue is full

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

}  // namespace

class LogStreams::Impl {
 public:
  explicit Impl(size_t at_most)
      : at_most_(at_most),
        inotify_(inotify_init1(IN_NONBLOCK | IN_CLOEXEC)),
        wake_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {}

  ~Impl() {
    {
      base::MutexLock lock(mu_);
      stopping_ = true;
    }
    Wake();
    thread_ = nullptr;  // waits for Run
    for (auto& stream : streams_) stream.exchange->Finish();
    for (auto& stream : added_) stream.exchange->Finish();
  }

  void Add(LogFile file, bool follow, std::function<bool()> running,
           std::shared_ptr<http::Exchange> exchange) {
    http::Headers headers{{"Content-Type", "text/plain"}};
    {
      base::MutexLock lock(mu_);
      if (stopping_ || size_ >= at_most_) {
        return exchange->Respond({503, headers, "too many logs are being read\n"});
      }
      ++size_;
    }
    auto gone = std::make_shared<std::atomic<bool>>(false);
    exchange->OnDisconnect([gone] { *gone = true; });
    exchange->Start(200, headers);
    base::MutexLock lock(mu_);
    added_.push_back(
        {std::move(file), follow, std::move(running), std::move(exchange), std::move(gone)});
    if (thread_ == nullptr) thread_ = std::make_unique<base::ThreadPool>("logs", 1);
    if (!started_) thread_->Post([this] { Run(); });
    started_ = true;
    Wake();
  }

  size_t size() const { return size_; }

 private:
  struct Stream {
    LogFile file;
    bool follow;
    std::function<bool()> running;
    std::shared_ptr<http::Exchange> exchange;
    std::shared_ptr<std::atomic<bool>> gone;  // the peer
    int watch = -1;
  };
  enum class Turn { kIdle, kBusy, kDone };

  void Wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(wake_.get(), &one, sizeof one);
  }

  void Run() {
    while (true) {
      {
        base::MutexLock lock(mu_);
        if (stopping_) return;
        for (auto& stream : added_) streams_.push_back(std::move(stream));
        added_.clear();
        if (streams_.empty()) {
          started_ = false;  // the next Add posts again; until then there is no thread
          return;
        }
      }
      const int wait = TurnAll();
      std::array<pollfd, 2> fds{pollfd{inotify_.get(), POLLIN, 0}, pollfd{wake_.get(), POLLIN, 0}};
      poll(fds.data(), fds.size(), wait);
      Drain(inotify_.get());
      Drain(wake_.get());
    }
  }

  static void Drain(int fd) {
    std::array<char, 4096> buffer;
    while (read(fd, buffer.data(), buffer.size()) > 0) {
    }
  }

  // Everybody's turn; how long to wait for the next one.
  int TurnAll() {
    int wait = kIdleMs;
    for (size_t i = 0; i < streams_.size();) {
      const Turn turn = TakeTurn(streams_[i]);
      if (turn == Turn::kBusy) wait = kBusyMs;
      if (turn != Turn::kDone) {
        ++i;
        continue;
      }
      streams_[i].exchange->Finish();
      Unwatch(streams_[i]);
      std::swap(streams_[i], streams_.back());
      streams_.pop_back();
      --size_;
    }
    return wait;
  }

  Turn TakeTurn(Stream& stream) {
    if (stream.watch < 0 && stream.follow) Watch(stream);
    // Asked first: what the container wrote before its end is read below.
    const bool running = stream.follow && stream.running();
    while (true) {
      if (stream.exchange->queued_bytes() > kQueuedAtMost) return Turn::kBusy;
      std::string piece;
      const auto more = stream.file.Read(kPiece, piece);
      if (!more.ok()) {
        BERTH_WARNING("reading a log failed", {"path", stream.file.path()},
                      {"error", more.status()});
        return Turn::kDone;
      }
      if (*stream.gone) return Turn::kDone;
      if (!piece.empty() && !stream.exchange->Write(piece)) return Turn::kDone;
      if (stream.file.exhausted()) return Turn::kDone;
      if (!*more) return running ? Turn::kIdle : Turn::kDone;
    }
  }

  void Watch(Stream& stream) {
    stream.watch = inotify_add_watch(inotify_.get(), FolderOf(stream.file.path()).c_str(),
                                     IN_MODIFY | IN_CREATE | IN_MOVED_TO);
    // Without a watch the stream is looked at each second.
    if (stream.watch >= 0) ++watches_[stream.watch];
  }
  void Unwatch(Stream& stream) {
    if (stream.watch < 0) return;
    if (--watches_[stream.watch] > 0) return;
    watches_.erase(stream.watch);
    inotify_rm_watch(inotify_.get(), stream.watch);
  }

  const size_t at_most_;
  const UniqueFd inotify_, wake_;
  std::vector<Stream> streams_;  // of the thread
  std::map<int, int> watches_;   // of the thread: how many streams use a watch
  std::atomic<size_t> size_ = 0;
  base::Mutex mu_;
  bool stopping_ BERTH_GUARDED_BY(mu_) = false;
  bool started_ BERTH_GUARDED_BY(mu_) = false;
  std::vector<Stream> added_ BERTH_GUARDED_BY(mu_);
  std::unique_ptr<base::ThreadPool> thread_;
};

LogStreams::LogStreams(size_t at_most) : impl_(std::make_unique<Impl>(at_most)) {}
LogStreams::~LogStreams() = default;
void LogStreams::Add(LogFile file, bool follow, std::function<bool()> running,
                     std::shared_ptr<http::Exchange> exchange) {
  impl_->Add(std::move(file), follow, std::move(running), std::move(exchange));
}
size_t LogStreams::size() const { return impl_->size(); }

}  // namespace berth::agent
