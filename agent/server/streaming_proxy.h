// SPDX-License-Identifier: Apache-2.0
// exec, attach and port-forward: the runtime gives a URL on this node's loopback, the caller's
// upgrade request is sent there and the bytes are passed on unparsed. Thread-safe; blocks until the
// upgrade is done.
#ifndef BERTH_AGENT_SERVER_STREAMING_PROXY_H_
#define BERTH_AGENT_SERVER_STREAMING_PROXY_H_

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "http/client.h"
#include "http/io_context.h"
#include "http/server.h"

namespace berth::agent {

// "http://127.0.0.1:41235/exec/abc?x=y" in parts.
struct StreamingUrl {
  std::string host;
  int port = 80;
  std::string target;

  static absl::StatusOr<StreamingUrl> Parse(std::string_view url);
};

class StreamingProxy {
 public:
  explicit StreamingProxy(http::IoContext& io) : io_(io) {}

  // Answers `exchange`, with the runtime's 101 or its refusal.
  void Pass(std::string_view url, std::shared_ptr<http::Exchange> exchange);

 private:
  absl::StatusOr<std::shared_ptr<http::Client>> ClientFor(const StreamingUrl& url);

  http::IoContext& io_;
  base::Mutex mu_;
  // A runtime has one streaming address; a restarted one may have another.
  std::map<std::string, std::shared_ptr<http::Client>> clients_ BERTH_GUARDED_BY(mu_);
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_STREAMING_PROXY_H_
