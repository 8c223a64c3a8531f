// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <exception>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status.h"
#include "http/listener.h"
#include "http/server_connection.h"
#include "http/tls_context.h"

namespace berth::http {
namespace {

class Core : public ConnectionOwner, public std::enable_shared_from_this<Core> {
 public:
  Core(IoContext& io, base::Executor& executor, ServerOptions options, Handler handler)
      : io_(io),
        executor_(executor),
        options_(std::move(options)),
        handler_(std::move(handler)),
        parts_(io.impl().loops().size()) {}

  const ServerOptions& options() const override { return options_; }

  absl::Status SetTls(const TlsServerOptions& tls) {
    ASSIGN_OR_RETURN(SslContext context, MakeServerContext(tls));
    base::MutexLock lock(mu_);
    tls_ = std::move(context);
    return absl::OkStatus();
  }

  void Listen(Socket socket) {
    const size_t index = 0;
    Loop& loop = *io_.impl().loops()[index];
    auto shared = std::make_shared<Socket>(std::move(socket));
    loop.PostAndWait([self = shared_from_this(), &loop, shared] {
      auto listener = std::make_unique<Listener>(
          loop, std::move(*shared), [weak = self->weak_from_this()](Socket s, std::string from) {
            if (auto core = weak.lock()) core->Accepted(std::move(s), std::move(from));
          });
      listener->Accept();
      self->parts_[index].listeners.push_back(std::move(listener));
    });
  }

  void Handle(std::shared_ptr<Exchange> exchange) override {
    executor_.Post([self = shared_from_this(), exchange = std::move(exchange)]() mutable {
      if (!self->EnterHandler()) return;
      try {
        self->handler_(std::move(exchange));
      } catch (const std::exception& e) {
        BERTH_ERROR("a handler threw an exception", {"what", e.what()});
      } catch (...) {
        BERTH_ERROR("a handler threw an exception");
      }
      exchange.reset();
      self->LeaveHandler();
    });
  }

  void Closed(const std::shared_ptr<ServerConnection>& connection) override {
    PartOf(*connection->loop()).connections.erase(connection);
  }

  // Closes everything, then waits for handlers that run.
  void Stop() {
    {
      base::MutexLock lock(mu_);
      stopping_ = true;
    }
    for (size_t i = 0; i < parts_.size(); ++i) {
      io_.impl().loops()[i]->PostAndWait([this, i] {
        parts_[i].listeners.clear();
        const auto connections = std::exchange(parts_[i].connections, {});
        for (const auto& connection : connections) connection->Close();
      });
    }
    base::MutexLock lock(mu_);
    while (handling_ > 0) idle_.Wait(mu_);
  }

 private:
  // Each part is touched on its loop only.
  struct Part {
    std::vector<std::unique_ptr<Listener>> listeners;
    absl::flat_hash_set<std::shared_ptr<ServerConnection>> connections;
  };

  Part& PartOf(const Loop& loop) {
    const auto& loops = io_.impl().loops();
    size_t i = 0;
    while (loops[i].get() != &loop) ++i;
    return parts_[i];
  }

  bool EnterHandler() {
    base::MutexLock lock(mu_);
    if (stopping_) return false;
    ++handling_;
    return true;
  }
  void LeaveHandler() {
    base::MutexLock lock(mu_);
    if (--handling_ == 0) idle_.NotifyAll();
  }

  void Accepted(Socket socket, std::string from) {
    auto loop = io_.impl().NextLoop();
    auto shared = std::make_shared<Socket>(std::move(socket));
    loop->Post([self = shared_from_this(), loop, shared, from = std::move(from)] {
      self->Serve(loop, std::move(*shared), from);
    });
  }

  void Serve(const std::shared_ptr<Loop>& loop, Socket socket, const std::string& from) {
    SslContext tls;
    {
      base::MutexLock lock(mu_);
      if (stopping_) return;
      tls = tls_;
    }
    SslPtr ssl;
    if (tls != nullptr) {
      auto session = NewServerSession(tls);
      if (!session.ok()) {
        BERTH_WARNING("connection refused", {"from", from}, {"why", session.status()});
        return;
      }
      ssl = *std::move(session);
    }
    auto stream = std::make_unique<ByteStream>(*loop, std::move(socket), std::move(ssl));
    auto connection =
        std::make_shared<ServerConnection>(shared_from_this(), loop, std::move(stream), from);
    PartOf(*loop).connections.insert(connection);
    connection->Start();
  }

  IoContext& io_;
  base::Executor& executor_;
  const ServerOptions options_;
  const Handler handler_;
  std::vector<Part> parts_;
  base::Mutex mu_;
  base::CondVar idle_;
  SslContext tls_ BERTH_GUARDED_BY(mu_);
  bool stopping_ BERTH_GUARDED_BY(mu_) = false;
  int handling_ BERTH_GUARDED_BY(mu_) = 0;
};

class SocketServer : public Server {
 public:
  explicit SocketServer(std::shared_ptr<Core> core) : core_(std::move(core)) {}
  ~SocketServer() override { core_->Stop(); }

  absl::StatusOr<int> Listen(std::string_view address) override {
    ASSIGN_OR_RETURN(Socket socket, OpenListener(address));
    ASSIGN_OR_RETURN(const int port, PortOf(socket));
    core_->Listen(std::move(socket));
    return port;
  }
  absl::Status ListenOn(int listening_fd) override {
    Socket socket(listening_fd);
    RETURN_IF_ERROR(PortOf(socket).status());
    core_->Listen(std::move(socket));
    return absl::OkStatus();
  }
  absl::Status ReloadTls(const TlsServerOptions& tls) override { return core_->SetTls(tls); }

 private:
  const std::shared_ptr<Core> core_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> MakeServer(IoContext& io, base::Executor& executor,
                                                   ServerOptions options, Handler handler) {
  const auto tls = options.tls;
  auto core = std::make_shared<Core>(io, executor, std::move(options), std::move(handler));
  if (tls) RETURN_IF_ERROR(core->SetTls(*tls));
  return std::unique_ptr<Server>(std::make_unique<SocketServer>(std::move(core)));
}

}  // namespace berth::http
