// SPDX-License-Identifier: Apache-2.0
// Every log that is being read or followed, on one thread with one inotify instance. A reader whose
// peer is slow waits without holding up the others. Thread-safe.
#ifndef BERTH_AGENT_SERVER_LOG_STREAMS_H_
#define BERTH_AGENT_SERVER_LOG_STREAMS_H_

#include <functional>
#include <memory>

#include "agent/server/log_file.h"

namespace berth::http {
class Exchange;
}

namespace berth::agent {

class LogStreams {
 public:
  // More streams than `at_most` at a time are refused.
  explicit LogStreams(size_t at_most = 1000);
  ~LogStreams();  // ends every answer

  // Answers `exchange` with the log. With `follow` it goes on until `running` says that the
  // container has ended and all was sent, or until the peer goes.
  void Add(LogFile file, bool follow, std::function<bool()> running,
           std::shared_ptr<http::Exchange> exchange);
  size_t size() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_SERVER_LOG_STREAMS_H_
