// SPDX-License-Identifier: Apache-2.0
// Requests per second over kept connections, and what an idle stream costs in memory (client and
// server end together, both in this process).
#include <atomic>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/executor.h"
#include "http/client.h"
#include "http/server.h"
#include "http/test_certs.h"

namespace {

using namespace berth;

long ResidentKb() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("RssAnon:")) return std::stol(line.substr(8));
  }
  return 0;
}

void Measure(bool tls) {
  http::IoContext io;
  base::ThreadPool pool("handlers", 8);
  const http::TestCa ca;
  const auto identity = ca.Server();
  base::Mutex mu;
  std::vector<std::shared_ptr<http::Exchange>> open;
  http::ServerOptions options;
  if (tls) options.tls = http::TlsServerOptions{identity.certificate_pem, identity.key_pem, ""};
  auto server = http::MakeServer(io, pool, options, [&](std::shared_ptr<http::Exchange> exchange) {
                  if (exchange->request().target != "/stream") {
                    exchange->Respond({200, {{"Content-Type", "text/plain"}}, "ok"});
                    return;
                  }
                  exchange->Start(200, {});
                  exchange->Write("x");
                  base::MutexLock lock(mu);
                  open.push_back(std::move(exchange));
                }).value();
  http::ClientOptions to;
  to.host = "127.0.0.1";
  to.port = server->Listen("127.0.0.1:0").value();
  if (tls) to.tls = http::TlsClientOptions{.ca_pem = ca.pem()};
  auto client = http::MakeClient(io, to).value();

  std::atomic<int> done = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(2);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      while (std::chrono::steady_clock::now() < end) {
        if (client->Do({}, absl::Seconds(5)).ok()) ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();

  constexpr int kStreams = 2000;
  const long before = ResidentKb();
  std::atomic<int> started = 0;
  std::vector<std::unique_ptr<http::Stream>> streams;
  for (int i = 0; i < kStreams; ++i) {
    http::StreamCallbacks callbacks;
    callbacks.data = [&](std::string_view) { ++started; };
    streams.push_back(client->DoStream({.target = "/stream"}, callbacks, absl::InfiniteDuration()));
    while (started < i - 50) std::this_thread::yield();
  }
  while (started < kStreams) std::this_thread::yield();
  std::printf("{\"tls\": %s, \"requests_per_second\": %d, \"idle_stream_bytes\": %ld}\n",
              tls ? "true" : "false", done / 2, (ResidentKb() - before) * 1024 / kStreams);
  streams.clear();
  client.reset();
  server.reset();
}

}  // namespace

int main() {
  Measure(false);
  Measure(true);
}
