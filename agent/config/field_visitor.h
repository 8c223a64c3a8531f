// SPDX-License-Identifier: Apache-2.0
// A configuration type lists its fields once (VisitFields); a visitor reads them from a file or
// writes them as JSON for /configz.
#ifndef BERTH_AGENT_CONFIG_FIELD_VISITOR_H_
#define BERTH_AGENT_CONFIG_FIELD_VISITOR_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

namespace berth::agent {

using TextMap = std::map<std::string, std::string>;
using BoolMap = std::map<std::string, bool>;
using TextListMap = std::map<std::string, std::vector<std::string>>;

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void Field(std::string_view name, bool& value) = 0;
  virtual void Field(std::string_view name, int32_t& value) = 0;
  virtual void Field(std::string_view name, int64_t& value) = 0;
  virtual void Field(std::string_view name, double& value) = 0;
  virtual void Field(std::string_view name, std::string& value) = 0;
  virtual void Field(std::string_view name, absl::Duration& value) = 0;
  virtual void Field(std::string_view name, std::vector<std::string>& value) = 0;
  virtual void Field(std::string_view name, std::vector<int32_t>& value) = 0;
  virtual void Field(std::string_view name, TextMap& value) = 0;
  virtual void Field(std::string_view name, BoolMap& value) = 0;
  virtual void Field(std::string_view name, TextListMap& value) = 0;
  virtual void Object(std::string_view name, const std::function<void(FieldVisitor&)>& fields) = 0;

  template <class T, class Fields>
  void List(std::string_view name, std::vector<T>& values, Fields fields) {
    Elements(
        name, values.size(), [&values](size_t count) { values.assign(count, T{}); },
        [&](FieldVisitor& visitor, size_t i) { fields(visitor, values[i]); });
  }

 protected:
  virtual void Elements(std::string_view name, size_t count,
                        const std::function<void(size_t)>& resize,
                        const std::function<void(FieldVisitor&, size_t)>& element) = 0;
};

}  // namespace berth::agent

#endif  // BERTH_AGENT_CONFIG_FIELD_VISITOR_H_
