// SPDX-License-Identifier: Apache-2.0
#include "agent/config/field_reader.h"

#include <charconv>

#include "base/status.h"

namespace berth::agent {
namespace {

using base::StrCat;
using Kind = YamlNode::Kind;

std::string_view NameOf(const YamlNode& node) {
  switch (node.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "an object";
    case Kind::kScalar:
      break;
  }
  return "a scalar";
}

std::optional<bool> BoolOf(const YamlNode& node) {
  if (node.kind != Kind::kScalar || node.quoted) return std::nullopt;
  for (std::string_view yes : {"true", "True", "TRUE", "yes", "on"}) {
    if (node.text == yes) return true;
  }
  for (std::string_view no : {"false", "False", "FALSE", "no", "off"}) {
    if (node.text == no) return false;
  }
  return std::nullopt;
}

bool LooksLikeNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsText(const YamlNode& node) {
  if (node.kind != Kind::kScalar) return false;
  return node.quoted || (!BoolOf(node) && !LooksLikeNumber(node.text));
}

// A duration as Go writes it ("1m30s"); whole numbers are nanoseconds.
std::optional<absl::Duration> DurationOf(const YamlNode& node) {
  if (node.kind != Kind::kScalar) return std::nullopt;
  absl::Duration value;
  if (absl::ParseDuration(base::Av(node.text), &value)) return value;
  if (node.quoted) return std::nullopt;
  const auto nanos = base::ParseInt<int64_t>(node.text);
  if (!nanos) return std::nullopt;
  return absl::Nanoseconds(*nanos);
}

struct Shared {
  std::string_view file;
  ReadFields& read;
  absl::Status error;
};

class Reader : public FieldVisitor {
 public:
  Reader(Shared& shared, const YamlNode& map, std::string path)
      : shared_(shared), map_(map), path_(std::move(path)) {
    if (path_.empty()) known_ = {"apiVersion", "kind"};
  }

  void Field(std::string_view name, bool& value) override {
    const YamlNode* node = Take(name);
    if (node == nullptr) return;
    if (const auto read = BoolOf(*node)) {
      value = *read;
    } else {
      Wrong(name, *node, "true or false");
    }
  }
  void Field(std::string_view name, int32_t& value) override { Int(name, value); }
  void Field(std::string_view name, int64_t& value) override { Int(name, value); }
  void Field(std::string_view name, double& value) override {
    const YamlNode* node = Take(name);
    if (node == nullptr) return;
    if (node->kind != Kind::kScalar || node->quoted || !LooksLikeNumber(node->text)) {
      return Wrong(name, *node, "a number");
    }
    std::from_chars(node->text.data(), node->text.data() + node->text.size(), value);
  }
  void Field(std::string_view name, std::string& value) override {
    const YamlNode* node = Take(name);
    if (node == nullptr) return;
    if (!IsText(*node)) return Wrong(name, *node, "a string");
    value = node->text;
  }
  void Field(std::string_view name, absl::Duration& value) override {
    const YamlNode* node = Take(name);
    if (node == nullptr) return;
    if (const auto read = DurationOf(*node)) {
      value = *read;
    } else {
      Wrong(name, *node, "a duration such as 10s");
    }
  }
  void Field(std::string_view name, std::vector<std::string>& value) override {
    const YamlNode* node = Take(name, Kind::kList, "a list of strings");
    if (node != nullptr) Texts(name, *node, value);
  }
  void Field(std::string_view name, std::vector<int32_t>& value) override {
    const YamlNode* node = Take(name, Kind::kList, "a list of numbers");
    if (node == nullptr) return;
    value.clear();
    for (const YamlNode& item : node->items) {
      const auto read = base::ParseInt<int32_t>(item.text);
      if (!read || item.quoted) return Wrong(name, item, "a list of numbers");
      value.push_back(*read);
    }
  }
  void Field(std::string_view name, TextMap& value) override {
    const YamlNode* node = Take(name, Kind::kMap, "an object of strings");
    if (node == nullptr) return;
    value.clear();
    for (const auto& [key, item] : node->fields) {
      Note(StrCat(name, ".", key), item.line);
      if (!IsText(item)) return Wrong(StrCat(name, ".", key), item, "a string");
      value[key] = item.text;
    }
  }
  void Field(std::string_view name, BoolMap& value) override {
    const YamlNode* node = Take(name, Kind::kMap, "an object of true or false");
    if (node == nullptr) return;
    value.clear();
    for (const auto& [key, item] : node->fields) {
      const auto read = BoolOf(item);
      if (!read) return Wrong(StrCat(name, ".", key), item, "true or false");
      value[key] = *read;
    }
  }
  void Field(std::string_view name, TextListMap& value) override {
    const YamlNode* node = Take(name, Kind::kMap, "an object of lists");
    if (node == nullptr) return;
    value.clear();
    for (const auto& [key, item] : node->fields) {
      if (item.kind != Kind::kList) return Wrong(StrCat(name, ".", key), item, "a list of strings");
      Texts(StrCat(name, ".", key), item, value[key]);
    }
  }
  void Object(std::string_view name, const std::function<void(FieldVisitor&)>& fields) override {
    const YamlNode* node = Take(name, Kind::kMap, "an object");
    if (node == nullptr) return;
    Reader inner(shared_, *node, Path(name));
    fields(inner);
    inner.RefuseUnknown();
  }

  void RefuseUnknown() {
    for (const auto& [key, value] : map_.fields) {
      if (!known_.contains(key)) Error(key, value.line, "unknown field");
    }
  }

 protected:
  void Elements(std::string_view name, size_t, const std::function<void(size_t)>& resize,
                const std::function<void(FieldVisitor&, size_t)>& element) override {
    const YamlNode* node = Take(name, Kind::kList, "a list of objects");
    if (node == nullptr) return;
    resize(node->items.size());
    for (size_t i = 0; i < node->items.size(); ++i) {
      const std::string indexed = StrCat(name, "[", i, "]");
      if (node->items[i].kind != Kind::kMap) return Wrong(indexed, node->items[i], "an object");
      Reader inner(shared_, node->items[i], Path(indexed));
      element(inner, i);
      inner.RefuseUnknown();
    }
  }

 private:
  std::string Path(std::string_view name) const {
    return path_.empty() ? std::string(name) : StrCat(path_, ".", name);
  }

  void Note(std::string_view name, int line) {
    shared_.read.lines.insert_or_assign(Path(name), line);
  }

  // The node of a field that the file gives; null leaves the default.
  const YamlNode* Take(std::string_view name) {
    known_.emplace(name);
    const YamlNode* node = map_.Find(name);
    if (node == nullptr || node->kind == Kind::kNull) return nullptr;
    Note(name, node->line);
    return node;
  }
  const YamlNode* Take(std::string_view name, Kind kind, std::string_view want) {
    const YamlNode* node = Take(name);
    if (node == nullptr || node->kind == kind) return node;
    Wrong(name, *node, want);
    return nullptr;
  }

  template <class T>
  void Int(std::string_view name, T& value) {
    const YamlNode* node = Take(name);
    if (node == nullptr) return;
    const auto read = base::ParseInt<T>(node->text);
    if (node->kind != Kind::kScalar || node->quoted || !read) {
      return Wrong(name, *node, "a whole number");
    }
    value = *read;
  }

  void Texts(std::string_view name, const YamlNode& list, std::vector<std::string>& out) {
    out.clear();
    for (const YamlNode& item : list.items) {
      if (!IsText(item)) return Wrong(name, item, "a list of strings");
      out.push_back(item.text);
    }
  }

  void Wrong(std::string_view name, const YamlNode& node, std::string_view want) {
    const std::string got = node.kind == Kind::kScalar ? StrCat(node.quoted ? "\"" : "", node.text,
                                                                node.quoted ? "\"" : "")
                                                       : std::string(NameOf(node));
    Error(name, node.line, StrCat("want ", want, ", got ", got));
  }

  void Error(std::string_view name, int line, std::string_view message) {
    if (!shared_.error.ok()) return;
    shared_.error = base::InvalidArgument(shared_.file, ":", line, ": ", Path(name), ": ", message);
  }

  Shared& shared_;
  const YamlNode& map_;
  const std::string path_;
  base::StringSet known_;
};

}  // namespace

absl::Status ReadDocument(const YamlNode& document, std::string_view file,
                          const std::function<void(FieldVisitor&)>& visit, ReadFields& read) {
  if (document.kind != Kind::kMap) {
    return base::InvalidArgument(file, ":", document.line, ": want an object, got ",
                                 NameOf(document));
  }
  Shared shared{file, read, absl::OkStatus()};
  Reader reader(shared, document, "");
  visit(reader);
  reader.RefuseUnknown();
  return shared.error;
}

absl::Status FieldError(std::string_view file, const ReadFields& read, std::string_view field,
                        std::string_view message) {
  const auto found = read.lines.find(field);
  if (found == read.lines.end()) return base::InvalidArgument(field, ": ", message);
  return base::InvalidArgument(file, ":", found->second, ": ", field, ": ", message);
}

}  // namespace berth::agent
