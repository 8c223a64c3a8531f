// SPDX-License-Identifier: Apache-2.0
// Which objects a list, a watch, a Service or a ReplicaSet means: label selectors in their three
// forms (text, LabelSelector message, plain map) and field selectors over any object.
// Immutable once made, so safe to share. Errors are InvalidArgument with upstream's texts.
#ifndef BERTH_API_SELECTOR_H_
#define BERTH_API_SELECTOR_H_

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "api/object.h"

namespace google::protobuf {
template <typename Key, typename T>
class Map;
}

namespace berth::api {

namespace meta::v1 {
class LabelSelector;
}

using LabelMap = google::protobuf::Map<std::string, std::string>;

struct LabelRequirement {
  enum class Operator { kIn, kNotIn, kExists, kDoesNotExist, kGreaterThan, kLessThan };
  std::string key;
  Operator op = Operator::kExists;
  std::vector<std::string> values;  // sorted

  // `value` is null when the object has no such label.
  bool Matches(const std::string* value) const;
  bool operator==(const LabelRequirement&) const = default;
};

class LabelSelector {
 public:
  LabelSelector() = default;  // matches everything
  static LabelSelector Everything() { return {}; }
  static LabelSelector Nothing();
  // "a=b,c!=d,e in (x,y),f notin (z),g,!h,n>1"; "" matches everything.
  static absl::StatusOr<LabelSelector> Parse(std::string_view text);
  // An empty message matches everything. Where a selector is absent, upstream means Nothing().
  static absl::StatusOr<LabelSelector> Of(const meta::v1::LabelSelector& message);
  // What a Service's or a ReplicationController's selector means: all labels equal. Empty matches
  // everything; a Service with an empty selector selects nothing, which its users must check.
  static LabelSelector OfLabels(const LabelMap& labels);

  bool Matches(const LabelMap& labels) const;
  bool Matches(const std::map<std::string, std::string>& labels) const;
  // By the object's metadata.
  bool Matches(const Message& object) const;

  bool MatchesEverything() const { return !nothing_ && requirements_.empty(); }
  bool MatchesNothing() const { return nothing_; }
  std::span<const LabelRequirement> requirements() const { return requirements_; }
  // The text form, keys in order.
  std::string ToString() const;

 private:
  template <class Find>
  bool MatchesWith(const Find& find) const;

  std::vector<LabelRequirement> requirements_;
  bool nothing_ = false;
};

class FieldSelector {
 public:
  struct Term {
    std::string path;  // JSON names with dots
    bool equal = true;
    std::string value;
    bool operator==(const Term&) const = default;
  };

  FieldSelector() = default;  // matches everything
  // "a=b", "a==b", "a!=b" joined by commas; "\," "\=" "\\" in values. Paths outside `allowed` give
  // "field label not supported: <path>".
  static absl::StatusOr<FieldSelector> Parse(std::string_view text,
                                             std::span<const std::string_view> allowed);

  // A field that is not set counts as "" (false for bools, 0 for numbers, as JSON would print it).
  bool Matches(const Message& object) const;
  bool MatchesEverything() const { return terms_.empty(); }
  // The value that an "=" term demands of `path`; lets a store look up one name instead of all.
  std::optional<std::string_view> Required(std::string_view path) const;
  std::span<const Term> terms() const { return terms_; }
  std::string ToString() const;

 private:
  std::vector<Term> terms_;
};

// The text at a dotted path of JSON names ("status.podIP"), "" where nothing is; through inlined
// members too. Nothing when the type has no such field.
std::optional<std::string> FieldText(const Message& object, std::string_view path);

// Syntax of label keys and values; each gives what is wrong, in upstream's words (none: fine).
std::vector<std::string> QualifiedNameProblems(std::string_view key);
std::vector<std::string> LabelValueProblems(std::string_view value);

}  // namespace berth::api

#endif  // BERTH_API_SELECTOR_H_
