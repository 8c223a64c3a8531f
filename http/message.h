// SPDX-License-Identifier: Apache-2.0
// HTTP requests and responses as plain values, for client and server alike.
#ifndef BERTH_HTTP_MESSAGE_H_
#define BERTH_HTTP_MESSAGE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::http {

// Names compare without case, order is kept, a name may occur several times.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}
  void Add(std::string_view name, std::string_view value);
  void Set(std::string_view name, std::string_view value);  // replaces all of that name
  void Remove(std::string_view name);
  std::optional<std::string_view> Find(std::string_view name) const;  // the first
  std::string_view Get(std::string_view name) const;                  // "" when absent
  std::vector<std::string_view> All(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Request {
  std::string method = "GET";
  std::string target = "/";  // path and query, percent-encoded
  Headers headers;
  std::string body;
};

struct Response {
  int status = 200;
  Headers headers;
  std::string body;
};

// The decoded path and query of a target.
struct Target {
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;

  static Target Parse(std::string_view target);
  std::optional<std::string_view> Find(std::string_view name) const;
  std::string_view Get(std::string_view name) const;  // "" when absent
  std::vector<std::string_view> All(std::string_view name) const;
};
std::string PercentEncode(std::string_view text);  // for a query value or path segment
std::optional<std::string> PercentDecode(std::string_view text);  // nothing when malformed

}  // namespace berth::http

#endif  // BERTH_HTTP_MESSAGE_H_
