// SPDX-License-Identifier: Apache-2.0
#include "http/client.h"

#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "base/mutex.h"
#include "base/status.h"
#include "http/client_call.h"
#include "http/client_connection.h"
#include "http/client_sinks.h"
#include "http/tls_context.h"
#include "http/wire.h"

namespace berth::http {
namespace {

class Pool : public ConnectionPool, public std::enable_shared_from_this<Pool> {
 public:
  Pool(IoContext& io, ClientOptions options) : io_(io), options_(std::move(options)) {}

  const ClientOptions& options() const override { return options_; }

  absl::Status SetTls(const TlsClientOptions& tls) {
    ASSIGN_OR_RETURN(SslContext context, MakeClientContext(tls));
    absl::flat_hash_set<std::shared_ptr<ClientConnection>> all;
    {
      base::MutexLock lock(mu_);
      tls_ = std::move(context);
      server_name_ = tls.server_name.empty() ? options_.host : tls.server_name;
      idle_.clear();
      all = all_;
    }
    for (const auto& connection : all) {
      connection->loop()->Post([connection] {
        if (connection->call() == nullptr) {
          connection->Close(absl::OkStatus());
        } else if (connection->call()->stream) {
          connection->Close(base::Unavailable("the client's credentials have changed"));
        }
      });
    }
    return absl::OkStatus();
  }

  void Submit(std::shared_ptr<ClientCall> call, bool fresh) {
    std::shared_ptr<ClientConnection> connection;
    {
      base::MutexLock lock(mu_);
      if (!stopped_) {
        if (!fresh && !idle_.empty()) {
          connection = std::move(idle_.back());  // the most recently used
          idle_.pop_back();
        } else {
          connection = std::make_shared<ClientConnection>(shared_from_this(), io_.impl().NextLoop(),
                                                          tls_, server_name_);
          all_.insert(connection);
        }
      }
    }
    if (connection == nullptr || !call->Bind(connection)) {
      if (connection != nullptr) CloseSoon(connection);
      call->sink->Done(absl::CancelledError("cancelled"));
      return;
    }
    connection->loop()->Post([connection, call = std::move(call)] { connection->Run(call); });
  }

  bool Keep(const std::shared_ptr<ClientConnection>& connection) override {
    base::MutexLock lock(mu_);
    if (stopped_ || idle_.size() >= options_.max_idle_connections || !all_.contains(connection)) {
      return false;
    }
    if (connection->tls() != tls_) return false;  // of credentials that were
    idle_.push_back(connection);
    return true;
  }

  void Closed(const std::shared_ptr<ClientConnection>& connection) override {
    base::MutexLock lock(mu_);
    std::erase(idle_, connection);
    all_.erase(connection);
  }

  void SendAgain(std::shared_ptr<ClientCall> call) override {
    Submit(std::move(call), /*fresh=*/true);
  }

  void CloseIdle() {
    std::vector<std::shared_ptr<ClientConnection>> idle;
    {
      base::MutexLock lock(mu_);
      idle.swap(idle_);
    }
    for (auto& connection : idle) CloseSoon(connection);
  }

  void Stop() {
    absl::flat_hash_set<std::shared_ptr<ClientConnection>> all;
    {
      base::MutexLock lock(mu_);
      stopped_ = true;
      idle_.clear();
      all = all_;
    }
    for (const auto& connection : all) {
      connection->loop()->PostAndWait(
          [connection] { connection->Close(absl::CancelledError("the client ends")); });
    }
  }

 private:
  static void CloseSoon(const std::shared_ptr<ClientConnection>& connection) {
    connection->loop()->Post([connection] {
      if (connection->call() == nullptr) connection->Close(absl::OkStatus());
    });
  }

  IoContext& io_;
  const ClientOptions options_;
  base::Mutex mu_;
  SslContext tls_ BERTH_GUARDED_BY(mu_);
  std::string server_name_ BERTH_GUARDED_BY(mu_);
  bool stopped_ BERTH_GUARDED_BY(mu_) = false;
  std::vector<std::shared_ptr<ClientConnection>> idle_ BERTH_GUARDED_BY(mu_);
  absl::flat_hash_set<std::shared_ptr<ClientConnection>> all_ BERTH_GUARDED_BY(mu_);
};

// Cancels its call when it goes; waits for a callback that runs on another thread.
class CallStream : public Stream {
 public:
  CallStream(std::shared_ptr<ClientCall> call, std::shared_ptr<CallbackSink> sink)
      : call_(std::move(call)), sink_(std::move(sink)) {}
  ~CallStream() override {
    call_->Cancel();
    sink_->Silence();
  }
  void SetPaused(bool paused) override { call_->SetPaused(paused); }

 private:
  const std::shared_ptr<ClientCall> call_;
  const std::shared_ptr<CallbackSink> sink_;
};

class SocketClient : public Client {
 public:
  SocketClient(std::shared_ptr<Pool> pool, std::string host)
      : pool_(std::move(pool)), host_(std::move(host)) {}
  ~SocketClient() override { pool_->Stop(); }

  absl::StatusOr<Response> Do(const Request& request, absl::Duration timeout) override {
    auto sink = std::make_shared<CollectSink>();
    auto call = std::make_shared<ClientCall>(request, host_, sink);
    pool_->Submit(call, /*fresh=*/false);
    absl::Status status = sink->Wait(timeout);
    if (absl::IsDeadlineExceeded(status)) call->Cancel();
    if (!status.ok()) return base::WithContext(std::move(status), Name(request));
    return sink->TakeResponse();
  }

  std::unique_ptr<Stream> DoStream(const Request& request, StreamCallbacks callbacks,
                                   absl::Duration idle) override {
    auto sink = std::make_shared<CallbackSink>(std::move(callbacks));
    auto call = std::make_shared<ClientCall>(request, host_, sink);
    call->idle = idle;
    call->stream = true;
    pool_->Submit(call, /*fresh=*/false);
    return std::make_unique<CallStream>(std::move(call), std::move(sink));
  }

  absl::StatusOr<Upgraded> Upgrade(const Request& request, absl::Duration timeout,
                                   int* status) override {
    auto sink = std::make_shared<CollectSink>();
    auto call = std::make_shared<ClientCall>(request, host_, sink);
    pool_->Submit(call, /*fresh=*/true);
    absl::Status done = sink->Wait(timeout);
    if (absl::IsDeadlineExceeded(done)) call->Cancel();
    if (!done.ok()) return base::WithContext(std::move(done), Name(request));
    Response response = sink->TakeResponse();
    if (status != nullptr) *status = response.status;
    auto tunnel = sink->TakeTunnel();
    if (tunnel == nullptr) return base::FailedPrecondition(response.body);
    return Upgraded{std::move(response.headers), std::move(tunnel)};
  }

  void CloseIdle() override { pool_->CloseIdle(); }
  absl::Status ReloadTls(const TlsClientOptions& tls) override { return pool_->SetTls(tls); }

 private:
  static std::string Name(const Request& request) {
    return base::StrCat(request.method, " ", request.target.substr(0, request.target.find('?')));
  }

  const std::shared_ptr<Pool> pool_;
  const std::string host_;
};

}  // namespace

ClientCall::ClientCall(const Request& request, std::string_view host,
                       std::shared_ptr<AnswerSink> to)
    : wire(RequestHead(request, host) + request.body),
      head(request.method == "HEAD"),
      upgrade(HasToken(request.headers.Get("Connection"), "upgrade")),
      sink(std::move(to)) {}

bool ClientCall::Bind(std::shared_ptr<ClientConnection> connection) {
  base::MutexLock lock(mu_);
  connection_ = connection;
  return !cancelled_;
}

void ClientCall::Cancel() {
  std::shared_ptr<ClientConnection> connection;
  {
    base::MutexLock lock(mu_);
    cancelled_ = true;
    connection = connection_.lock();
  }
  if (connection == nullptr) return;
  connection->loop()->Post([connection, call = this] {
    // A call that ended before this is another one's address at most while it is this one's.
    if (connection->call().get() == call && call->cancelled()) {
      connection->Close(absl::CancelledError("cancelled"));
    }
  });
}

void ClientCall::SetPaused(bool paused) {
  paused_ = paused;
  if (paused) return;  // the connection looks before it reads
  std::shared_ptr<ClientConnection> connection;
  {
    base::MutexLock lock(mu_);
    connection = connection_.lock();
  }
  if (connection != nullptr) connection->loop()->Post([connection] { connection->Resume(); });
}

bool ClientCall::cancelled() const {
  base::MutexLock lock(mu_);
  return cancelled_;
}

absl::StatusOr<std::unique_ptr<Client>> MakeClient(IoContext& io, ClientOptions options) {
  if (options.host.starts_with("unix:")) options.host.erase(0, 5);
  const bool is_socket = options.host.starts_with('/');
  const bool is_v6 = options.host.find(':') != std::string::npos && !is_socket;
  const int usual_port = options.tls ? 443 : 80;
  std::string host = is_socket ? "localhost"
                     : is_v6   ? base::StrCat("[", options.host, "]")
                               : options.host;
  if (!is_socket && options.port != usual_port) base::StrAppend(host, ":", options.port);
  const auto tls = options.tls;
  auto pool = std::make_shared<Pool>(io, std::move(options));
  if (tls) RETURN_IF_ERROR(pool->SetTls(*tls));
  return std::unique_ptr<Client>(std::make_unique<SocketClient>(std::move(pool), std::move(host)));
}

}  // namespace berth::http
