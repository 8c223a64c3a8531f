// SPDX-License-Identifier: Apache-2.0
// The threads that move bytes: one io_context for every client and server of a process.
#ifndef BERTH_HTTP_IO_CONTEXT_H_
#define BERTH_HTTP_IO_CONTEXT_H_

#include <functional>
#include <memory>
#include <vector>

#include "absl/functional/any_invocable.h"

namespace berth::http {

class IoContext {
 public:
  explicit IoContext(int threads = 2);
  // Stops everything that still runs on it and joins the threads. Clients and servers end first.
  ~IoContext();

  // What hands a task to each of the threads, to see whether it still runs any. As long as this.
  std::vector<std::function<void(absl::AnyInvocable<void()>)>> Posters();

  class Impl;
  Impl& impl() { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace berth::http

#endif  // BERTH_HTTP_IO_CONTEXT_H_
