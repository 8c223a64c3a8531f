// SPDX-License-Identifier: Apache-2.0
#include "http/loop.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "base/status.h"

namespace berth::http {

namespace asio = boost::asio;
using IoExecutor = asio::io_context::executor_type;
using Descriptor = asio::posix::basic_stream_descriptor<IoExecutor>;
using SteadyTimer =
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, IoExecutor>;
using Resolver = asio::ip::basic_resolver<asio::ip::tcp, IoExecutor>;

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

struct Loop::Rep {
  base::Mutex mu;
  std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>(1);
  std::optional<asio::executor_work_guard<IoExecutor>> work{asio::make_work_guard(*io)};
  std::atomic<std::thread::id> thread;
};

Loop::Loop() : rep_(std::make_unique<Rep>()), scratch_(std::make_unique<char[]>(kScratchBytes)) {}
Loop::~Loop() = default;

void Loop::Run() {
  rep_->thread = std::this_thread::get_id();
  rep_->io->run();
}

void Loop::Stop() {
  rep_->work.reset();
  rep_->io->stop();
}

void Loop::Clear() {
  std::unique_ptr<asio::io_context> io;
  {
    base::MutexLock lock(rep_->mu);
    io = std::move(rep_->io);
  }
  // What waits goes now, and may post (in vain) while it goes.
  io.reset();
}

void Loop::Post(Task task) {
  base::MutexLock lock(rep_->mu);
  if (rep_->io != nullptr) asio::post(*rep_->io, std::move(task));
}

bool Loop::InThread() const { return rep_->thread.load() == std::this_thread::get_id(); }

namespace {

// Says that it is done also when its task is dropped unrun.
class Latch {
 public:
  void Open() {
    base::MutexLock lock(mu_);
    open_ = true;
    cv_.NotifyAll();
  }
  void Wait() {
    base::MutexLock lock(mu_);
    while (!open_) cv_.Wait(mu_);
  }

 private:
  base::Mutex mu_;
  base::CondVar cv_;
  bool open_ BERTH_GUARDED_BY(mu_) = false;
};

struct OpenAtEnd {
  explicit OpenAtEnd(std::shared_ptr<Latch> l) : latch(std::move(l)) {}
  OpenAtEnd(OpenAtEnd&&) = default;
  ~OpenAtEnd() {
    if (latch != nullptr) latch->Open();
  }
  std::shared_ptr<Latch> latch;
};

}  // namespace

void Loop::PostAndWait(Task task) {
  if (InThread()) {
    task();
    return;
  }
  auto latch = std::make_shared<Latch>();
  Post([task = std::move(task), end = OpenAtEnd(latch)]() mutable { task(); });
  latch->Wait();
}

struct Timer::Rep {
  explicit Rep(asio::io_context& io) : timer(io) {}
  SteadyTimer timer;
  Loop::Task task;
  uint64_t generation = 0;
};

Timer::Timer(Loop& loop) : rep_(std::make_shared<Rep>(*loop.rep()->io)) {}

Timer::~Timer() { Cancel(); }

void Timer::Start(absl::Duration after, Loop::Task task) {
  const uint64_t generation = ++rep_->generation;
  if (after == absl::InfiniteDuration()) {
    Cancel();
    return;
  }
  rep_->task = std::move(task);
  rep_->timer.expires_after(absl::ToChronoNanoseconds(after));
  rep_->timer.async_wait([rep = rep_, generation](const boost::system::error_code& error) {
    if (error || rep->generation != generation) return;
    auto due = std::exchange(rep->task, nullptr);
    if (due) due();
  });
}

void Timer::Cancel() {
  ++rep_->generation;
  if (!rep_->task) return;
  const Loop::Task dropped = std::exchange(rep_->task, nullptr);
  rep_->timer.cancel();
}

struct Watched::Rep {
  Rep(asio::io_context& io, int fd) : descriptor(io, fd) {}
  Descriptor descriptor;
  Loop::Task on_read;
  Loop::Task on_write;
  bool waits_to_read = false;
  bool waits_to_write = false;

  // What Asio holds while it waits. Dropped unrun when the loop ends: then the task goes as well,
  // whose owner it may keep alive and which may own this descriptor.
  class Waiting {
   public:
    Waiting(std::shared_ptr<Rep> rep, bool to_read) : rep_(std::move(rep)), to_read_(to_read) {}
    Waiting(Waiting&&) = default;
    ~Waiting() {
      if (rep_ != nullptr) Take(std::move(rep_));
    }
    void operator()(const boost::system::error_code&) {
      if (auto task = Take(std::move(rep_))) task();
    }

   private:
    Loop::Task Take(std::shared_ptr<Rep> rep) {
      (to_read_ ? rep->waits_to_read : rep->waits_to_write) = false;
      return std::exchange(to_read_ ? rep->on_read : rep->on_write, nullptr);
    }
    std::shared_ptr<Rep> rep_;
    bool to_read_;
  };
};

Watched::Watched(Loop& loop, Socket socket)
    : rep_(std::make_shared<Rep>(*loop.rep()->io, socket.Release())) {
  boost::system::error_code ignored;
  rep_->descriptor.non_blocking(true, ignored);
}

Watched::~Watched() { const Socket closes = Release(); }

int Watched::fd() const { return rep_->descriptor.native_handle(); }

void Watched::WhenReadable(Loop::Task task) {
  rep_->on_read = std::move(task);
  if (std::exchange(rep_->waits_to_read, true)) return;
  rep_->descriptor.async_wait(Descriptor::wait_read, Rep::Waiting(rep_, /*to_read=*/true));
}

void Watched::WhenWritable(Loop::Task task) {
  rep_->on_write = std::move(task);
  if (std::exchange(rep_->waits_to_write, true)) return;
  rep_->descriptor.async_wait(Descriptor::wait_write, Rep::Waiting(rep_, /*to_read=*/false));
}

Socket Watched::Release() {
  if (!rep_->descriptor.is_open()) return Socket();
  const auto reader = std::exchange(rep_->on_read, nullptr);
  const auto writer = std::exchange(rep_->on_write, nullptr);
  return Socket(rep_->descriptor.release());
}

std::string SocketAddress::ToString() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(storage);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
    return base::StrCat(text, ":", ntohs(v4.sin_port));
  }
  if (storage.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(storage);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
      return base::StrCat(text, ":", ntohs(v6.sin6_port));
    }
    inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    return base::StrCat("[", text, "]:", ntohs(v6.sin6_port));
  }
  if (storage.ss_family == AF_UNIX) return reinterpret_cast<const sockaddr_un&>(storage).sun_path;
  return "";
}

absl::StatusOr<SocketAddress> ParseAddress(std::string_view host, int port) {
  SocketAddress out;
  const std::string text(host);
  auto& v4 = reinterpret_cast<sockaddr_in&>(out.storage);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(static_cast<uint16_t>(port));
    out.length = sizeof v4;
    return out;
  }
  if (inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(static_cast<uint16_t>(port));
    out.length = sizeof v6;
    return out;
  }
  return base::InvalidArgument("not an IP address: ", host);
}

void Resolve(Loop& loop, const std::string& host, int port,
             absl::AnyInvocable<void(Addresses)> done) {
  if (auto address = ParseAddress(host, port); address.ok()) {
    done(std::vector<SocketAddress>{*address});
    return;
  }
  if (host.starts_with('/')) {
    SocketAddress address;
    auto& path = reinterpret_cast<sockaddr_un&>(address.storage);
    if (host.size() >= sizeof path.sun_path) {
      done(base::InvalidArgument("socket path too long: ", host));
      return;
    }
    path.sun_family = AF_UNIX;
    std::memcpy(path.sun_path, host.data(), host.size());
    address.length = sizeof path;
    done(std::vector<SocketAddress>{address});
    return;
  }
  auto resolver = std::make_shared<Resolver>(*loop.rep()->io);
  resolver->async_resolve(
      host, base::StrCat(port),
      [resolver, host, done = std::move(done)](const boost::system::error_code& error,
                                               const Resolver::results_type& results) mutable {
        if (error) {
          done(base::Unavailable("lookup ", host, ": ", error.message()));
          return;
        }
        std::vector<SocketAddress> out;
        for (const auto& entry : results) {
          SocketAddress address;
          address.length = static_cast<socklen_t>(entry.endpoint().size());
          std::memcpy(&address.storage, entry.endpoint().data(), address.length);
          out.push_back(address);
        }
        done(std::move(out));
      });
}

}  // namespace berth::http
