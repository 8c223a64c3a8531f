// SPDX-License-Identifier: Apache-2.0
#include "agent/config/yaml_document.h"

#include <yaml.h>

#include "base/status.h"
#include "base/strings.h"

namespace berth::agent {
namespace {

using base::InvalidArgument;

constexpr int kMaxDepth = 32;

class Event {
 public:
  Event() { event_.type = YAML_NO_EVENT; }
  ~Event() { Clear(); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void Clear() {
    if (event_.type != YAML_NO_EVENT) yaml_event_delete(&event_);
    event_.type = YAML_NO_EVENT;
  }
  yaml_event_t* get() { return &event_; }
  yaml_event_type_t type() const { return event_.type; }
  int line() const { return static_cast<int>(event_.start_mark.line) + 1; }

 private:
  yaml_event_t event_;
};

bool IsNullText(std::string_view text) {
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

class Parser {
 public:
  explicit Parser(std::string_view text) {
    ready_ = yaml_parser_initialize(&parser_) == 1;
    if (!ready_) return;
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~Parser() {
    if (ready_) yaml_parser_delete(&parser_);
  }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  absl::StatusOr<std::vector<YamlNode>> Documents() {
    std::vector<YamlNode> out;
    while (true) {
      RETURN_IF_ERROR(Next());
      if (event_.type() == YAML_STREAM_END_EVENT) return out;
      if (event_.type() != YAML_DOCUMENT_START_EVENT) continue;
      RETURN_IF_ERROR(Next());
      YamlNode root;
      RETURN_IF_ERROR(Value(root, 0));
      if (root.kind != YamlNode::Kind::kNull) out.push_back(std::move(root));
    }
  }

 private:
  absl::Status Next() {
    event_.Clear();
    if (!ready_) return base::Internal("no memory for the YAML parser");
    if (yaml_parser_parse(&parser_, event_.get()) == 1) return absl::OkStatus();
    const char* problem = parser_.problem == nullptr ? "malformed YAML" : parser_.problem;
    return InvalidArgument(parser_.problem_mark.line + 1, ": ", problem);
  }

  // The value that the current event begins.
  absl::Status Value(YamlNode& out, int depth) {
    out.line = event_.line();
    if (depth > kMaxDepth) return InvalidArgument(out.line, ": nested too deeply");
    switch (event_.type()) {
      case YAML_SCALAR_EVENT:
        Scalar(out);
        return absl::OkStatus();
      case YAML_SEQUENCE_START_EVENT:
        return List(out, depth);
      case YAML_MAPPING_START_EVENT:
        return Map(out, depth);
      case YAML_ALIAS_EVENT:
        return InvalidArgument(out.line, ": aliases are not supported");
      default:
        return InvalidArgument(out.line, ": malformed YAML");
    }
  }

  void Scalar(YamlNode& out) {
    const auto& scalar = event_.get()->data.scalar;
    out.text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    out.quoted = scalar.style != YAML_PLAIN_SCALAR_STYLE;
    const bool null = !out.quoted && IsNullText(out.text);
    out.kind = null ? YamlNode::Kind::kNull : YamlNode::Kind::kScalar;
  }

  absl::Status List(YamlNode& out, int depth) {
    out.kind = YamlNode::Kind::kList;
    while (true) {
      RETURN_IF_ERROR(Next());
      if (event_.type() == YAML_SEQUENCE_END_EVENT) return absl::OkStatus();
      RETURN_IF_ERROR(Value(out.items.emplace_back(), depth + 1));
    }
  }

  absl::Status Map(YamlNode& out, int depth) {
    out.kind = YamlNode::Kind::kMap;
    while (true) {
      RETURN_IF_ERROR(Next());
      if (event_.type() == YAML_MAPPING_END_EVENT) return absl::OkStatus();
      if (event_.type() != YAML_SCALAR_EVENT) {
        return InvalidArgument(event_.line(), ": a field's name must be text");
      }
      const auto& scalar = event_.get()->data.scalar;
      std::string key(reinterpret_cast<const char*>(scalar.value), scalar.length);
      if (out.Find(key) != nullptr) {
        return InvalidArgument(event_.line(), ": duplicate field \"", key, "\"");
      }
      const int line = event_.line();
      RETURN_IF_ERROR(Next());
      YamlNode value;
      RETURN_IF_ERROR(Value(value, depth + 1));
      value.line = line;  // the line of the key is what a reader looks for
      out.fields.emplace_back(std::move(key), std::move(value));
    }
  }

  yaml_parser_t parser_;
  bool ready_ = false;
  Event event_;
};

}  // namespace

const YamlNode* YamlNode::Find(std::string_view key) const {
  for (const auto& [name, value] : fields) {
    if (name == key) return &value;
  }
  return nullptr;
}

absl::StatusOr<std::vector<YamlNode>> ParseYaml(std::string_view text) {
  return Parser(text).Documents();
}

}  // namespace berth::agent
