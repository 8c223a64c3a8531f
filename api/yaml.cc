// SPDX-License-Identifier: Apache-2.0
// YAML documents to JSON text: libyaml's events make a tree, the tree prints itself. Aliases share
// nodes; the size of the output is bounded, so that a bomb of aliases is refused.
#include <yaml.h>

#include <algorithm>
#include <map>
#include <memory>

#include "api/codec.h"
#include "api/json_text.h"
#include "api/yaml_scalar.h"
#include "base/status.h"
#include "base/strings.h"

namespace berth::api {
namespace {

constexpr int kMaxDepth = 500;
constexpr size_t kMaxOutput = 16 << 20;

struct Node {
  enum Kind { kScalar, kList, kObject } kind = kScalar;
  int height = 0;    // levels below; aliases may stack them higher than the text is deep
  std::string json;  // of a scalar
  std::string text;  // of a scalar that is a key
  std::vector<std::shared_ptr<Node>> items;
  std::vector<std::pair<std::shared_ptr<Node>, std::shared_ptr<Node>>> members;
};
using NodePtr = std::shared_ptr<Node>;

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  yaml_event_t* get() { return &event_; }
  yaml_event_t* operator->() { return &event_; }

 private:
  yaml_event_t event_{};
};

std::string_view Text(const yaml_char_t* s) {
  return s == nullptr ? std::string_view() : reinterpret_cast<const char*>(s);
}

class YamlReader {
 public:
  explicit YamlReader(std::string_view yaml) {
    yaml_parser_initialize(&parser_);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(yaml.data()),
                                 yaml.size());
  }
  ~YamlReader() { yaml_parser_delete(&parser_); }
  YamlReader(const YamlReader&) = delete;
  YamlReader& operator=(const YamlReader&) = delete;

  // The next document; nullptr at the end of the stream.
  absl::StatusOr<NodePtr> NextDocument() {
    while (true) {
      Event event;
      RETURN_IF_ERROR(Next(event));
      if (event->type == YAML_STREAM_END_EVENT) return NodePtr();
      if (event->type != YAML_DOCUMENT_START_EVENT) continue;
      anchors_.clear();
      Event first;
      RETURN_IF_ERROR(Next(first));
      ASSIGN_OR_RETURN(NodePtr root, Read(first, 0));
      Event end;
      RETURN_IF_ERROR(Next(end));
      return root;
    }
  }

 private:
  absl::Status Next(Event& event) {
    if (yaml_parser_parse(&parser_, event.get()) != 0) return absl::OkStatus();
    return base::InvalidArgument("malformed YAML: line ", parser_.problem_mark.line + 1, ": ",
                                 parser_.problem == nullptr ? "unreadable" : parser_.problem);
  }

  static absl::Status At(const yaml_event_t& event, std::string_view what) {
    return base::InvalidArgument("malformed YAML: line ", event.start_mark.line + 1, ": ", what);
  }

  absl::StatusOr<NodePtr> Read(Event& event, int depth) {
    if (depth > kMaxDepth) return At(*event.get(), "nested too deeply");
    switch (event->type) {
      case YAML_ALIAS_EVENT: {
        const auto it = anchors_.find(std::string(Text(event->data.alias.anchor)));
        if (it == anchors_.end()) return At(*event.get(), "unknown anchor");
        return it->second;
      }
      case YAML_SCALAR_EVENT:
        return Scalar(event);
      case YAML_SEQUENCE_START_EVENT:
        return List(event, depth);
      case YAML_MAPPING_START_EVENT:
        return Object(event, depth);
      default:
        return At(*event.get(), "want a value");
    }
  }

  // Known only once it is complete: an alias inside its own anchor is unknown, so trees have no
  // loop.
  void Remember(const yaml_char_t* anchor, const NodePtr& node) {
    if (anchor != nullptr) anchors_[std::string(Text(anchor))] = node;
  }

  NodePtr Scalar(Event& event) {
    const auto& scalar = event->data.scalar;
    auto node = std::make_shared<Node>();
    node->text.assign(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.plain_implicit != 0;
    if (plain) {
      node->json = PlainScalarToJson(node->text);
    } else {
      AppendJsonString(node->json, node->text);
    }
    Remember(scalar.anchor, node);
    return node;
  }

  absl::StatusOr<NodePtr> List(Event& event, int depth) {
    auto node = std::make_shared<Node>();
    node->kind = Node::kList;
    const std::string anchor(Text(event->data.sequence_start.anchor));
    while (true) {
      Event item;
      RETURN_IF_ERROR(Next(item));
      if (item->type == YAML_SEQUENCE_END_EVENT) break;
      ASSIGN_OR_RETURN(NodePtr value, Read(item, depth + 1));
      RETURN_IF_ERROR(Grow(*node, *value, *item.get()));
      node->items.push_back(std::move(value));
    }
    if (!anchor.empty()) anchors_[anchor] = node;
    return node;
  }

  absl::StatusOr<NodePtr> Object(Event& event, int depth) {
    auto node = std::make_shared<Node>();
    node->kind = Node::kObject;
    const std::string anchor(Text(event->data.mapping_start.anchor));
    std::vector<NodePtr> merged;
    while (true) {
      Event first;
      RETURN_IF_ERROR(Next(first));
      if (first->type == YAML_MAPPING_END_EVENT) break;
      const bool plain =
          first->type == YAML_SCALAR_EVENT && first->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
      ASSIGN_OR_RETURN(NodePtr key, Read(first, depth + 1));
      if (key->kind != Node::kScalar) return At(*first.get(), "a key must be a scalar");
      Event second;
      RETURN_IF_ERROR(Next(second));
      ASSIGN_OR_RETURN(NodePtr value, Read(second, depth + 1));
      RETURN_IF_ERROR(Grow(*node, *value, *second.get()));
      if (plain && key->text == "<<") {
        RETURN_IF_ERROR(CollectMerge(value, merged, *second.get()));
      } else {
        node->members.emplace_back(std::move(key), std::move(value));
      }
    }
    AddMerged(*node, merged);
    // As upstream's conversion orders them; a key that comes twice stays twice.
    std::ranges::stable_sort(node->members, {}, [](const auto& member) -> const std::string& {
      return member.first->text;
    });
    if (!anchor.empty()) anchors_[anchor] = node;
    return node;
  }

  static absl::Status Grow(Node& node, const Node& child, const yaml_event_t& event) {
    node.height = std::max(node.height, child.height + 1);
    return node.height > kMaxDepth ? At(event, "nested too deeply") : absl::OkStatus();
  }

  static absl::Status CollectMerge(const NodePtr& value, std::vector<NodePtr>& merged,
                                   const yaml_event_t& event) {
    if (value->kind == Node::kObject) {
      merged.push_back(value);
      return absl::OkStatus();
    }
    for (const NodePtr& item : value->items) {
      if (item->kind != Node::kObject)
        return At(event, "map merge requires map or sequence of maps");
      merged.push_back(item);
    }
    if (value->kind == Node::kList) return absl::OkStatus();
    return At(event, "map merge requires map or sequence of maps");
  }

  // What the object says itself wins, then the earlier merged object.
  static void AddMerged(Node& node, const std::vector<NodePtr>& merged) {
    if (merged.empty()) return;
    base::StringSet have;
    for (const auto& [key, value] : node.members) have.insert(key->text);
    for (const NodePtr& object : merged) {
      for (const auto& member : object->members) {
        if (have.insert(member.first->text).second) node.members.push_back(member);
      }
    }
  }

  yaml_parser_t parser_{};
  std::map<std::string, NodePtr> anchors_;
};

absl::Status Print(const Node& node, std::string& out) {
  if (out.size() > kMaxOutput) {
    return base::InvalidArgument("malformed YAML: document contains excessive aliasing");
  }
  switch (node.kind) {
    case Node::kScalar:
      out.append(node.json);
      return absl::OkStatus();
    case Node::kList:
      out.push_back('[');
      for (size_t i = 0; i < node.items.size(); ++i) {
        if (i > 0) out.push_back(',');
        RETURN_IF_ERROR(Print(*node.items[i], out));
      }
      out.push_back(']');
      return absl::OkStatus();
    case Node::kObject:
      out.push_back('{');
      for (size_t i = 0; i < node.members.size(); ++i) {
        const auto& [key, value] = node.members[i];
        if (i > 0) out.push_back(',');
        AppendJsonString(out, key->text);
        out.push_back(':');
        RETURN_IF_ERROR(Print(*value, out));
      }
      out.push_back('}');
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<std::string>> YamlToJson(std::string_view yaml) {
  YamlReader reader(yaml);
  std::vector<std::string> documents;
  while (true) {
    ASSIGN_OR_RETURN(const NodePtr root, reader.NextDocument());
    if (root == nullptr) return documents;
    std::string json;
    RETURN_IF_ERROR(Print(*root, json));
    if (json != "null") documents.push_back(std::move(json));  // "---" alone holds no object
  }
}

}  // namespace berth::api
