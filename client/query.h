// SPDX-License-Identifier: Apache-2.0
// A request's target, put together.
#ifndef BERTH_CLIENT_QUERY_H_
#define BERTH_CLIENT_QUERY_H_

#include <string>
#include <string_view>
#include <utility>

#include "base/strings.h"
#include "http/message.h"

namespace berth::client {

class Query {
 public:
  explicit Query(std::string path) : target_(std::move(path)) {}
  // Leaves out what is "".
  void Add(std::string_view name, std::string_view value) {
    if (value.empty()) return;
    base::StrAppend(target_, std::exchange(first_, false) ? "?" : "&", name, "=",
                    http::PercentEncode(value));
  }
  std::string Take() { return std::move(target_); }

 private:
  std::string target_;
  bool first_ = true;
};

}  // namespace berth::client

#endif  // BERTH_CLIENT_QUERY_H_
