// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "agent/config/config_file.h"

namespace berth::agent {
namespace {

using Json = nlohmann::ordered_json;

// Go's way: "1m30s", "0s", hours and minutes with their zero parts.
std::string GoDuration(absl::Duration d) {
  if (d == absl::ZeroDuration()) return "0s";
  if (d < absl::Seconds(1)) return absl::FormatDuration(d);
  const int64_t seconds = absl::ToInt64Seconds(d);
  const absl::Duration rest = d - absl::Seconds(seconds / 60 * 60);
  std::string out;
  if (seconds >= 3600) out += std::to_string(seconds / 3600) + "h";
  if (seconds >= 60) out += std::to_string(seconds % 3600 / 60) + "m";
  return out + (rest == absl::ZeroDuration() ? "0s" : absl::FormatDuration(rest));
}

class JsonWriter : public FieldVisitor {
 public:
  explicit JsonWriter(Json& out) : out_(out) { out_ = Json::object(); }

  void Field(std::string_view name, bool& value) override { At(name) = value; }
  void Field(std::string_view name, int32_t& value) override { At(name) = value; }
  void Field(std::string_view name, int64_t& value) override { At(name) = value; }
  void Field(std::string_view name, double& value) override { At(name) = value; }
  void Field(std::string_view name, std::string& value) override {
    if (!value.empty()) At(name) = value;
  }
  void Field(std::string_view name, absl::Duration& value) override {
    At(name) = GoDuration(value);
  }
  void Field(std::string_view name, std::vector<std::string>& value) override {
    if (!value.empty()) At(name) = value;
  }
  void Field(std::string_view name, std::vector<int32_t>& value) override {
    if (!value.empty()) At(name) = value;
  }
  void Field(std::string_view name, TextMap& value) override {
    if (!value.empty()) At(name) = value;
  }
  void Field(std::string_view name, BoolMap& value) override {
    if (!value.empty()) At(name) = value;
  }
  void Field(std::string_view name, TextListMap& value) override {
    if (!value.empty()) At(name) = value;
  }
  void Object(std::string_view name, const std::function<void(FieldVisitor&)>& fields) override {
    JsonWriter inner(At(name));
    fields(inner);
  }

 protected:
  void Elements(std::string_view name, size_t count, const std::function<void(size_t)>&,
                const std::function<void(FieldVisitor&, size_t)>& element) override {
    if (count == 0) return;
    Json& list = At(name) = Json::array();
    for (size_t i = 0; i < count; ++i) {
      list.push_back(Json());
      JsonWriter inner(list.back());
      element(inner, i);
    }
  }

 private:
  Json& At(std::string_view name) { return out_[std::string(name)]; }

  Json& out_;
};

}  // namespace

std::string KubeletConfigJson(const KubeletConfig& config) {
  KubeletConfig copy = config;
  Json out;
  JsonWriter writer(out);
  VisitFields(writer, copy);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace berth::agent
